import { faultsOfReplicas } from "../support/online-faults.ts";
import { startRedisCluster } from "../support/redis-cluster.ts";

faultsOfReplicas("a Cluster of three primaries", () => startRedisCluster());
