// The programs under test as processes of their own: started, waited for, ended by their own id.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { setTimeout as pause } from "node:timers/promises";

export const repository = new URL("../../../../../", import.meta.url).pathname;

const binaries = process.env.ROLLCALL_BINARIES ?? `${repository}target/debug`;
const longestStart = 30_000;

/** A port nobody listens on just now. */
export async function freePort() {
  const socket = createServer().listen(0, "127.0.0.1");
  await once(socket, "listening");
  const { port } = socket.address();
  socket.close();
  await once(socket, "close");
  return port;
}

/** A running program; what it says on standard error is kept for failures. */
export class Program {
  #child;
  #log = "";
  #ended = false;

  constructor(name, args, options) {
    this.name = name;
    this.#child = spawn(`${binaries}/${name}`, args, { stdio: ["ignore", "pipe", "pipe"], ...options });
    this.#child.stderr.on("data", (text) => (this.#log += text));
    this.#child.on("error", (error) => (this.#log += error));
    this.#child.on("close", () => (this.#ended = true));
  }

  get log() {
    return this.#log;
  }

  /** What the program prints first on standard output. */
  async firstLine() {
    let text = "";
    this.#child.stdout.on("data", (piece) => (text += piece));
    await this.until(() => text.includes("\n"));
    return text.slice(0, text.indexOf("\n"));
  }

  /** Waits until something about the program is so. */
  async until(isSo) {
    const end = Date.now() + longestStart;
    while (!(await isSo())) {
      if (this.#ended || Date.now() > end) throw new Error(`${this.name} did not get ready:\n${this.#log}`);
      await pause(20);
    }
  }

  async end() {
    if (this.#ended) return;
    this.#child.kill("SIGTERM");
    await once(this.#child, "close");
  }
}
