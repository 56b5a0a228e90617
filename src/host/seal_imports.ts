/**
 * The first import of a sealed thread's program: the runtime has resolved all modules named in the source by then, and
 * evaluates them in this order, third-party modules after this one.
 */
import { sealImports } from "./thread_seal.ts";

sealImports();
