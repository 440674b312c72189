/**
 * How many calls to files a keeper can have under way. Those that a hung store never answers keep their threads
 * (`store-silence.ts`): three files and a manifest, the log, the room on the disk, garbage, what killed writers left. With
 * the four that Node has by itself none would be left for the work folder, and the attempt could not even let go.
 */
const NAME = "UV_THREADPOOL_SIZE";
const THREADS = "16";

type Environment = Readonly<Partial<Record<string, string>>>;

/** The environment of a keeper; what the operator says of its threads counts. */
export function withThreads(environment: Readonly<Record<string, string>>): Record<string, string> {
  return { [NAME]: THREADS, ...environment };
}

/** The same without them: what the keeper starts has its own. */
export function withoutThreads(environment: Environment): Environment {
  return Object.fromEntries(Object.entries(environment).filter(([name, value]) => name !== NAME || value !== THREADS));
}
