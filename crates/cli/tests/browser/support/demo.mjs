// The demo as it is shipped, with nothing moving: a full installation to walk through.
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

  get logs() {
    return this.program.log;
  }

  async end() {
    await this.program.end();
    await rm(this.folder, { recursive: true, force: true });
  }
}
