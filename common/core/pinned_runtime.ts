/** The version of Deno that all of this is tested with. */
export const pinnedRuntime = "2.9.3";
