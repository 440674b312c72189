/** What the peers of the bench have in common: each is a server of its own process, and ends with its parent. */

/** Tells the port, or only that it is there. @param {import("node:net").AddressInfo | string | null} [address] */
export function ready(address = null) {
  process.once("disconnect", () => process.exit(0));
  process.send?.({ kind: "ready", port: typeof address === "object" ? (address?.port ?? 0) : 0 });
}

/** The arguments it was started with. */
export const args = process.argv.slice(2);

/** An Express application as its documentation shows it. @param {(body: unknown) => Promise<unknown>} answer */
export async function express(answer) {
  const { default: makeApp, json } = await import("express");
  const app = makeApp();
  app.use(json());
  app.post("/", async (request, response) => {
    response.json(await answer(request.body));
  });
  const server = app.listen(0, "127.0.0.1", () => ready(server.address()));
}
