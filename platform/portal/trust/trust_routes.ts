/** Which address shows what of the trust centre. */
import type { Route, UserRequest } from "../page/route.ts";
import { dataPage, eraseOfCustomer, eraseOfPerson, exportOfCustomer, exportOfPerson } from "./data_pages.tsx";
import { agreementPage, documentFile, evidenceFile, evidencePdfFile, sign, trustPage } from "./trust_pages.tsx";

const trust = { access: "dealer", permission: "readTrust" } as const;
const data = { access: "dealer", permission: "manageData" } as const;
const ofCustomer = { access: "customer", permission: "manageData", confirmed: true } as const;

export const trustRoutes: Route[] = [
  { method: "GET", path: "/trust", ...trust, handle: trustPage },
  { method: "GET", path: "/trust/documents/:document", ...trust, handle: documentFile },
  {
    method: "GET",
    path: "/trust/agreements/:kind",
    ...trust,
    handle: (request: UserRequest) => agreementPage(request),
  },
  {
    method: "POST",
    path: "/trust/agreements/:kind",
    access: "dealer",
    permission: "signAgreements",
    confirmed: true,
    handle: sign,
  },
  { method: "GET", path: "/trust/signatures/:signature", ...trust, handle: evidenceFile },
  { method: "GET", path: "/trust/signatures/:signature/pdf", ...trust, handle: evidencePdfFile },
  { method: "GET", path: "/data", ...data, handle: (request: UserRequest) => dataPage(request) },
  { method: "POST", path: "/customers/:customer/export", ...ofCustomer, handle: exportOfCustomer },
  { method: "POST", path: "/customers/:customer/erase", ...ofCustomer, handle: eraseOfCustomer },
  { method: "POST", path: "/users/:user/export", ...data, confirmed: true, handle: exportOfPerson },
  { method: "POST", path: "/users/:user/erase", ...data, confirmed: true, handle: eraseOfPerson },
];
