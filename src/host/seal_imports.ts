/**
 * The first import of a sealed thread's program: by then the runtime has resolved all modules that the source names, and
 * evaluates them in this order, foreign ones after this.
 */
import { sealImports } from "./thread_seal.ts";

sealImports();
