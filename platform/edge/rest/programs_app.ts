/** What programs call on the portal's port, beside its pages and without their cookies. */
import type { Platform } from "../../agents/platform.ts";
import { odataApp } from "./odata_app.ts";
import { restApp } from "./rest_app.ts";
import { tokenGate, type TokenGateOptions } from "./token_gate.ts";

export interface ProgramsApp {
  fetch(request: Request, env?: object): Response | Promise<Response>;
}

export function programsApp(platform: Platform, options: TokenGateOptions): ProgramsApp {
  const gate = tokenGate(platform, options);
  const rest = restApp(platform, gate), odata = odataApp(platform, gate);
  const isOdata = ({ url }: Request) => new URL(url).pathname.startsWith("/odata/");
  return { fetch: (request, env) => (isOdata(request) ? odata : rest).fetch(request, env) };
}
