/** Online tasks for tests of the API: one that answers in every way there is, one that tells what it was given. */
import { defineOnline, InputRefused, NotRetryable, z } from "../../dist/src/index.js";

export const fussy = defineOnline({
  name: "fussy",
  input: z.strictObject({ say: z.string() }),
  output: z.strictObject({ said: z.string() }),
  idempotent: true,
  run: ({ say }) => {
    switch (say) {
      case "no":
        throw new InputRefused("not no");
      case "fail":
        throw new NotRetryable("it would fail again");
      case "lie":
        return /** @type {never} */ ({ said: 7 });
      default:
        return { said: say };
    }
  },
});

export const traced = defineOnline({
  name: "traced",
  input: z.strictObject({}),
  output: z.strictObject({ traceparent: z.string().nullable(), fence: z.string() }),
  run: (_input, { traceparent, fence }) => ({ traceparent, fence }),
});
