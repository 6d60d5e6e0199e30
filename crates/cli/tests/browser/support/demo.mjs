// The demo as it is shipped, with nothing moving: a full installation to walk through.
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Program } from "./programs.mjs";

export class Demo {
  static async start() {
    const demo = new Demo();
    demo.folder = await mkdtemp(join(tmpdir(), "rollcall-demo-"));
    const anywhere = ["--listen", "127.0.0.1:0", "--emulator-listen", "127.0.0.1:0"];
    const args = ["demo", "--json", "--no-churn", "--data-dir", join(demo.folder, "data"), ...anywhere];
    demo.program = new Program("rollcall", args, { cwd: demo.folder });
    try {
      const ready = JSON.parse(await demo.program.firstLine());
      demo.server = ready.base_url;
      demo.emulator = ready.emulator_url;
      demo.token = ready.api_token;
      demo.root = { username: ready.root_username, password: ready.root_password };
      return demo;
    } catch (error) {
      await demo.end();
      throw error;
    }
  }

  /**
   * What there are pages for and the demo has none of: a security role of its own, a webhook. Gives pages that a walk
   * does not come to by itself, as it looks at one role only.
   */
  async furnishes() {
    const headers = { Authorization: `Bearer ${this.token}`, "Content-Type": "application/json" };
    const makes = async (path, body) => {
      const reply = await fetch(`${this.server}/api/v1${path}`, { method: "POST", headers, body: JSON.stringify(body) });
      assert.equal(reply.status, 201, await reply.text());
    };
    await makes("/security-roles", { name: "Dispatcher", type: "internal", rights: { service_desk: { view: "all" } } });
    await makes("/webhooks", { url: "https://hooks.example/rollcall", events: ["connection.unhealthy"] });
    return ["/admin/security-roles/Dispatcher/delete"];
  }

  get logs() {
    return this.program.log;
  }

  async end() {
    await this.program.end();
    await rm(this.folder, { recursive: true, force: true });
  }
}
