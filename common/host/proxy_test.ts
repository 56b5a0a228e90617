import assert from "node:assert/strict";
import { proxyFor } from "./proxy.ts";

for (
  const { host, noProxy, direct } of [
    { host: "dca.example", noProxy: [], direct: false },
    { host: "dca.example", noProxy: ["*"], direct: true },
    { host: "DCA.example.", noProxy: ["dca.example"], direct: true },
    { host: "a.dca.example", noProxy: ["dca.example"], direct: true },
    { host: "a.dca.example", noProxy: [".example"], direct: true },
    { host: "a.dca.example", noProxy: ["*.dca.example"], direct: true },
    { host: "notdca.example", noProxy: ["dca.example"], direct: false },
    { host: "10.1.2.3", noProxy: ["10.1.0.0/16"], direct: true },
    { host: "10.2.2.3", noProxy: ["10.1.0.0/16", ""], direct: false },
    { host: "fd00::7", noProxy: ["fd00::/64"], direct: true },
    { host: "10.1.2.3", noProxy: ["fd00::/64"], direct: false },
    { host: "dca.example", noProxy: ["dca.example:443"], direct: true },
    { host: "dca.example", noProxy: ["dca.example:8443"], direct: false },
    { host: "a.dca.example", noProxy: [".example:443"], direct: true },
    { host: "a.dca.example", noProxy: [".example:44"], direct: false },
    { host: "dca.example", noProxy: ["*:8443"], direct: false },
    { host: "10.1.2.3", noProxy: ["10.1.0.0/16:443"], direct: true },
    { host: "10.1.2.3", noProxy: ["10.1.0.0/16:80"], direct: false },
    { host: "fd00::7", noProxy: ["[fd00::7]:443"], direct: true },
    { host: "fd00::7", noProxy: ["[fd00::7]:80"], direct: false },
    { host: "fd00::443", noProxy: ["fd00::443"], direct: true },
  ]
) {
  Deno.test(`proxyFor() reaches ${host} ${direct ? "directly" : "by proxy"} with no_proxy ${noProxy.join(",")}`, () => {
    const proxy = { host: "proxy", port: 3128, user: null, password: null, noProxy };
    assert.equal(proxyFor({ host, port: 443 }, proxy) === undefined, direct);
  });
}
