/** An online task for tests of the API: it answers in every way there is. */
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
