import { remembered } from "./remembered.ts";

/** Words that firmware sends instead of a missing value, alone or in brackets. */
const words = [
  "n\\.?[/.]?a\\.?|n\\/d|nul|null(?:; ?blank)?|nil|nan|none|void|blank|empty|tb[ad]|unset|undef(?:ined)?|undetermined",
  "un(?:known|specified|assigned|available|named|configured|defined|initiali[sz]ed)(?:[ _-](?:model|device|printer|serial|name|value|version|location|contact|user|manufacturer|vendor))*",
  "not?[ _-]?(?:yet[ _-])?(?:applicable|assigned|available|configured|defined|entered|found|initiali[sz]ed|installed|known|present|programmed|readable|set|specified|supported|used)",
  "no[ _-]?(?:data|entry|info|information|name|serial(?: ?(?:no\\.?|number))?|string|text|value|such[ _-]?(?:object|instance|name))",
  "to be (?:filled|determined|defined|announced|set)\\b.*|(?:default|invalid) ?(?:string|text|value)|system (?:manufacturer|product name|serial number|version)|o\\.?e\\.?m\\.?",
  // German, French, Spanish, Italian, Portuguese, Dutch
  "unbekannt|keine?|nicht (?:verfügbar|gesetzt|angegeben|vorhanden)|inconnue?|aucune?|non (?:disponible|défini|spécifié|renseigné)",
  "desconocid[oa]|ningun[oa]|no (?:disponible|definido|especificado)|sconosciut[oa]|nessun[oa]|non (?:disponibile|definito|specificato)",
  "desconhecid[oa]|nenhum[a]?|não (?:disponível|definido|especificado)|onbekend|geen|niet (?:beschikbaar|ingesteld|opgegeven)",
  // Polish, Russian, Swedish, Danish, Japanese, Chinese, Korean
  "nieznan[yea]|brak|нет|неизвестн[оаы][йяе]?|не (?:задано|указано|определено)|okänd|ukendt|ukjent|ingen",
  "不明|未設定|未登録|なし|無し?|未知|未设置|未定义|无|알 ?수 ?없음|없음",
  // Padding: dashes, question marks, crosses and the like, zeros with any separators, octets of ff
  "[-–—_.?*#~=\\s]+|x{2,}|(?=.*0)[0\\s:./_-]+|ÿ+",
].join("|");

const placeholder = new RegExp(`^(?:${words})$`, "iu");
const quotes = /^["'\`]+|["'\`]+$/g;
const brackets = /^[<([{"'\`\s]+|[>)\]}"'\`\s]+$/g;

/** A text without surrounding quotes; undefined for a placeholder: "NULL", "(none)", "N/A", zeros, dashes. */
export function knownText(text: string | undefined): string | undefined {
  return text === undefined ? undefined : known(text);
}

const known = remembered((text): string | undefined => {
  const trimmed = text.replace(quotes, "").trim();
  if (trimmed === "") return undefined;
  const core = trimmed.replace(brackets, "");
  return core === "" || placeholder.test(core) || placeholder.test(trimmed) ? undefined : trimmed;
});
