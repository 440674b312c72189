import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openStore, type StoreAccess } from "../../src/checkpoints/checkpoints.ts";
import { S3Server } from "../support/s3/server.ts";
import { describeStore } from "../support/store-conformance.ts";
import { startStoreServer, STORE_TOKEN } from "../support/store-server.ts";

const access: StoreAccess = { s3: null, token: STORE_TOKEN };

describeStore({
  name: "cairn store over a folder",
  open: async () => {
    const root = await mkdtemp(join(tmpdir(), "cairn-store-"));
    const server = await startStoreServer(openStore(`file:${root}`));
    return {
      store: openStore(server.url, access),
      other: openStore(server.url, access),
      damage: async (name, change) => writeFile(join(root, name), change(await readFile(join(root, name)))),
      close: async () => {
        await server.stop();
        await rm(root, { recursive: true, force: true });
      },
    };
  },
});

describeStore({
  name: "cairn store over S3",
  open: async () => {
    const root = await mkdtemp(join(tmpdir(), "cairn-store-"));
    const s3 = new S3Server({ folder: root, pageSize: 2 });
    await s3.start();
    const server = await startStoreServer(
      openStore(s3.url("p"), { s3: { ...s3.keys, sessionToken: null }, token: null }),
    );
    return {
      store: openStore(server.url, access),
      other: openStore(server.url, access),
      damage: (name, change) => s3.bucket.damage(`p/${name}`, change),
      close: async () => {
        await server.stop();
        await s3.stop();
        await rm(root, { recursive: true, force: true });
      },
    };
  },
});
