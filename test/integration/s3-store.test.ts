import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openStore, type StoreAccess } from "../../src/checkpoints/checkpoints.ts";
import { S3Server } from "../support/s3/server.ts";
import { describeStore } from "../support/store-conformance.ts";

const accessTo = (server: S3Server): StoreAccess => ({ s3: { ...server.keys, sessionToken: null }, token: null });

describeStore({
  name: "S3",
  open: async () => {
    const root = await mkdtemp(join(tmpdir(), "cairn-s3-"));
    const server = new S3Server({ folder: root, pageSize: 2 });
    await server.start();
    return {
      store: openStore(server.url("a/prefix"), accessTo(server)),
      other: openStore(server.url("a/prefix"), accessTo(server)),
      damage: (name, change) => server.bucket.damage(`a/prefix/${name}`, change),
      close: async () => {
        await server.stop();
        await rm(root, { recursive: true, force: true });
      },
    };
  },
});
