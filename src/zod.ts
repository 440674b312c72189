/** The zod of this package, as a file of its own: the modules of users are given it in the place of theirs (`tasks/bundle.ts`). */
export * from "zod";
export { default } from "zod";
