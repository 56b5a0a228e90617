/** The one place where the program is joined to the machine: clock, disk, sockets, threads. */
export { denoHost } from "./host/deno_host.ts";
