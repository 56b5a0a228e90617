/** The trust centre: where data is stored, documents, and agreements to read and sign. */
import { UsageError } from "../../../common/core/errors.ts";
import {
  type AgreementKind,
  agreementKinds,
  type AgreementText,
  type Evidence,
  type KeptEvidence,
  listSignatures,
  type Party,
  readCurrentText,
  readEvidence,
  readPartyName,
  signAgreement,
  type Signature,
} from "../../trust/agreements.ts";
import { type DocumentKind, listDocuments, readDocument } from "../../trust/documents.ts";
import { readRegion } from "../../trust/region.ts";
import { isPermitted } from "../../users/permissions.ts";
import { field } from "../page/form.ts";
import { fileResponse } from "../page/file_response.ts";
import { Field, Message, pageOf, Table } from "../page/layout.tsx";
import type { Route, UserRequest } from "../page/route.ts";
import type { Key } from "../words/words.ts";
import { dataPage, eraseOfCustomer, eraseOfPerson, exportOfCustomer, exportOfPerson } from "./data_pages.tsx";

const kindNames: Record<AgreementKind, Key> = { nda: "agreementNda", dpa: "agreementDpa" };
const documentNames: Record<DocumentKind, Key> = {
  certificate: "kindCertificate",
  report: "kindReport",
  policy: "kindPolicy",
  other: "kindOther",
};

function partyOf({ viewer }: UserRequest): Party {
  return { dealerId: viewer.dealerId, customerId: viewer.customerId };
}

/** Whether the agreement binds the viewer's party: signed for it, or for its dealer as a whole. */
function covers({ kind, version, of_customer }: Signature, text: AgreementText, { customerId }: Party): boolean {
  return kind === text.kind && version === text.version && (of_customer === "" || of_customer === customerId);
}

export async function trustPage(request: UserRequest): Promise<Response> {
  const { t, formats, platform, by, language, viewer } = request, party = partyOf(request);
  const region = await readRegion(platform, by), documents = await listDocuments(platform, by);
  const signatures = await listSignatures(platform, by, party);
  // A customer's people see what their dealer has signed for all of it as well.
  const ofDealer = party.customerId === undefined
    ? []
    : (await listSignatures(platform, by, { dealerId: party.dealerId, customerId: undefined }))
      .filter(({ of_customer }) => of_customer === "");
  const texts = await Promise.all(agreementKinds.map((kind) => readCurrentText(platform, by, { kind, language })));
  const isOpen = (kind: AgreementKind) => {
    const text = texts[agreementKinds.indexOf(kind)];
    return text !== undefined && [...signatures, ...ofDealer].some((one) => covers(one, text, party));
  };
  const maySign = isPermitted(viewer.grants, "signAgreements", { customerId: viewer.customerId });
  return await pageOf(request, {
    title: t("trust"),
    children: (
      <>
        <p>{region === undefined ? t("noRegion") : t("region", { region })}</p>
        <h2>{t("agreements")}</h2>
        <ul>
          {agreementKinds.map((kind, at) => (
            <li>
              {texts[at] === undefined
                ? `${t(kindNames[kind])}: ${t("notPublished")}`
                : (
                  <a href={`/trust/agreements/${kind}`}>
                    {t(kindNames[kind])} {texts[at]!.version}
                    {!isOpen(kind) && maySign && `: ${t("signHere")}`}
                  </a>
                )}
            </li>
          ))}
        </ul>
        <Table
          rows={[...signatures, ...ofDealer]}
          empty={t("noSignatures")}
          caption={t("signedBy")}
          columns={[
            { heading: t("agreement"), cell: ({ kind, version }) => `${t(kindNames[kind])} ${version}` },
            { heading: t("signedBy"), cell: (row) => signedBy(row) },
            { heading: t("time"), cell: ({ signed_at }) => formats.time(signed_at) },
            {
              heading: t("evidence"),
              cell: ({ signature_id: id }) => (
                <>
                  <a href={`/trust/signatures/${id}/pdf`} aria-label={`PDF: ${id}`}>PDF</a>{" "}
                  <a href={`/trust/signatures/${id}`} aria-label={`JSON: ${id}`}>JSON</a>
                </>
              ),
            },
          ]}
        />
        <h2>{t("documents")}</h2>
        <Table
          rows={documents}
          empty={t("none")}
          caption={t("documents")}
          isTitled
          columns={[
            {
              heading: t("document"),
              cell: ({ title, document_id: id, needs_nda }) =>
                needs_nda === 1 && !isOpen("nda")
                  ? <span>{title} ({t("afterNda")})</span>
                  : <a href={`/trust/documents/${id}`}>{title}</a>,
            },
            { heading: t("documentKind"), cell: ({ kind }) => t(documentNames[kind]) },
            { heading: t("added"), cell: ({ added_at }) => formats.day(added_at) },
            { heading: "SHA-256", cell: ({ sha256 }) => <code>{sha256.slice(0, 16)}…</code> },
          ]}
        />
      </>
    ),
  });
}

function signedBy({ evidence }: Signature): string {
  const { signer, party } = JSON.parse(evidence) as Evidence;
  return `${signer.typedName}, ${signer.capacity} (${party.customer?.name ?? party.dealer.name})`;
}

export async function documentFile(request: UserRequest): Promise<Response> {
  const { c, platform, by } = request;
  const found = await readDocument(platform, by, {
    documentId: c.req.param("document") ?? "",
    party: partyOf(request),
  });
  if (found === undefined) throw new UsageError("Cannot find this document, or it needs an agreement first");
  const { file_name: name, media_type: type } = found.document;
  return c.body(new Uint8Array(found.content), 200, {
    "content-type": type,
    "content-disposition": `attachment; filename="${name}"`,
  });
}

function agreementKindOf({ c }: UserRequest): AgreementKind {
  const found = agreementKinds.find((kind) => kind === c.req.param("kind"));
  if (found === undefined) throw noAgreement();
  return found;
}

function noAgreement(): UsageError {
  return new UsageError("Cannot find this agreement");
}

export async function agreementPage(request: UserRequest, { message }: { message?: string } = {}): Promise<Response> {
  const { t, formats, platform, by, language, viewer } = request, party = partyOf(request);
  const kind = agreementKindOf(request), text = await readCurrentText(platform, by, { kind, language });
  if (text === undefined) throw noAgreement();
  const signed = (await listSignatures(platform, by, { dealerId: party.dealerId, customerId: undefined }))
    .find((one) => covers(one, text, party));
  const maySign = isPermitted(viewer.grants, "signAgreements", { customerId: viewer.customerId });
  const name = await readPartyName(platform, by, party);
  return await pageOf(request, {
    title: `${t(kindNames[kind])} ${text.version}`,
    ...(message === undefined ? {} : { status: 422 as const }),
    children: (
      <>
        {message !== undefined && <Message>{message}</Message>}
        <pre class="agreement" lang={text.language} tabindex={0}>{text.body}</pre>
        <p>
          {t("textHash")}: <code>{text.sha256}</code>
        </p>
        {signed !== undefined && <p>{t("signedBy")}: {signedBy(signed)}, {formats.time(signed.signed_at)}</p>}
        {signed === undefined && maySign && (
          <form method="post">
            <p>{t("signFor", { party: name })}</p>
            <input type="hidden" name="sha256" value={text.sha256} />
            <Field name="name" label={t("signName")} autocomplete="name" />
            <Field name="capacity" label={t("signCapacity")} autocomplete="organization-title" />
            <label class="check">
              <input type="checkbox" name="consent" value="1" required /> {t("signConsent", { party: name })}
            </label>
            <button type="submit">{t("signNow")}</button>
          </form>
        )}
      </>
    ),
  });
}

export async function sign(request: UserRequest): Promise<Response> {
  const { c, t, platform, by, viewer, client } = request, kind = agreementKindOf(request);
  const typedName = (await field(c, "name")).trim(), capacity = (await field(c, "capacity")).trim();
  const isWhole = [typedName, capacity].every((text) => text.length >= 2 && text.length <= 120) &&
    await field(c, "consent") === "1";
  if (!isWhole) return await agreementPage(request, { message: t("signMissing") });
  await signAgreement(platform, by, {
    kind,
    party: partyOf(request),
    textSha256: await field(c, "sha256"),
    userId: viewer.userId,
    typedName,
    capacity,
    ...client,
    proof:
      `signed in with every factor that the dealer asks for, and again within ten minutes; session ${viewer.sessionId}`,
  });
  return c.redirect("/trust", 303);
}

export async function evidenceFile(request: UserRequest): Promise<Response> {
  const { signature } = await evidenceOf(request);
  return download(request, signature.evidence, {
    name: `${signature.signature_id}.json`,
    mediaType: "application/json",
  });
}

export async function evidencePdfFile(request: UserRequest): Promise<Response> {
  const kept = await evidenceOf(request);
  const { evidencePdf } = await import("../../trust/evidence_pdf.ts");
  const name = `${kept.signature.signature_id}.pdf`;
  return fileResponse(request, { name, mediaType: "application/pdf", parts: evidencePdf(kept, request.language) });
}

function evidenceOf(request: UserRequest): Promise<KeptEvidence> {
  const { c, platform, by } = request;
  return readEvidence(platform, by, { signatureId: c.req.param("signature") ?? "", party: partyOf(request) });
}

function download(
  { c }: UserRequest,
  content: string,
  { name, mediaType }: { name: string; mediaType: string },
): Response {
  return c.body(content, 200, {
    "content-type": mediaType,
    "content-disposition": `attachment; filename="${name}"`,
  });
}

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
