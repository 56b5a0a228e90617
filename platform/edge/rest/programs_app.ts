/** What programs call on the portal's port, beside its pages and without their cookies. */
import type { Platform } from "../../agents/platform.ts";
import { restApp } from "./rest_app.ts";
import { tokenGate, type TokenGateOptions } from "./token_gate.ts";

export interface ProgramsApp {
  fetch(request: Request, env?: object): Response | Promise<Response>;
}

export function programsApp(platform: Platform, options: TokenGateOptions): ProgramsApp {
  const gate = tokenGate(platform, options);
  const rest = restApp(platform, gate);
  return { fetch: (request, env) => rest.fetch(request, env) };
}
