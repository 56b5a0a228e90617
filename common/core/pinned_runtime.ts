/** The version of Deno that this project is tested with. */
export const pinnedRuntime = "2.9.3";
