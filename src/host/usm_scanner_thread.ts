/** A scanner in its sealed thread that speaks SNMPv3 as well. */
import "./seal_imports.ts";
import "../snmp/enable_usm.ts";

export { onMessage } from "./scanner_thread.ts";
