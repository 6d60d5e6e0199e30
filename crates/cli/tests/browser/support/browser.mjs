// One Chromium for a file of stories.
import { access } from "node:fs/promises";
import { chromium } from "playwright-core";

const known = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

async function executable() {
  if (process.env.CHROMIUM) return process.env.CHROMIUM;
  for (const path of known) {
    const isThere = await access(path).then(() => true, () => false);
    if (isThere) return path;
  }
  throw new Error(`no Chromium found (looked for ${known.join(", ")}); install it, or name it in CHROMIUM`);
}

export async function launch() {
  return chromium.launch({
    executablePath: await executable(),
    // Root has no sandbox; a container has little shared memory.
    args: ["--no-sandbox", "--disable-dev-shm-usage", "--force-color-profile=srgb"],
  });
}
