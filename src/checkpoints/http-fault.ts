/** What answers of a `cairn store`, and the lack of one, mean as faults of a store. */
import type { IncomingMessage } from "node:http";
import { z } from "zod";
import { StoreFault, type StoreFaultReason } from "./store.ts";

const MOST_TEXT = 65_536;
const problem = z.object({ code: z.string(), detail: z.string() });

/** The body of a short answer. */
export async function textOf(response: IncomingMessage): Promise<string> {
  let text = "";
  response.setEncoding("utf8");
  for await (const piece of response) {
    text += piece as string;
    if (text.length > MOST_TEXT) break;
  }
  return text;
}

/** The fault that an answer tells about; reads its body. */
export async function faultOfAnswer(response: IncomingMessage, what: string): Promise<StoreFault> {
  const status = response.statusCode ?? 0;
  const said = await textOf(response).then(problemIn, () => null);
  const why = said === null ? `HTTP ${status}` : `${said.detail} (HTTP ${status}, ${said.code})`;
  return new StoreFault(reasonOf(status), `${what}: ${why}`);
}

function problemIn(text: string): z.infer<typeof problem> | null {
  try {
    return problem.parse(JSON.parse(text));
  } catch {
    return null;
  }
}

function reasonOf(status: number): StoreFaultReason {
  if (status === 507) return "full";
  return status >= 400 && status < 500 && status !== 408 && status !== 429 ? "refused" : "unavailable";
}

/** The fault that an error on the way is. */
export function faultOfExchange(error: unknown, what: string): StoreFault {
  if (error instanceof StoreFault && error.reason === "changed") return error;
  const why = error instanceof Error ? error.message : String(error);
  const reason = error instanceof StoreFault ? error.reason : "unavailable";
  return new StoreFault(reason, `${what}: ${why}`, { cause: error });
}
