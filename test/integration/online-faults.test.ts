import { faultsOfReplicas } from "../support/online-faults.ts";
import { startRedis } from "../support/redis.ts";

faultsOfReplicas("one Redis", () => startRedis());
