/** What OData calls the properties, and the document that describes them (CSDL 4.0). Pure. */
import { entities, type Entity } from "../../interfaces/entities.ts";
import { type PropertyType, textFunctions } from "../../interfaces/filter.ts";

export const odataRoot = "/odata/v1";
export const namespace = "OpenDCA";

export function odataName(property: string): string {
  return property[0]!.toUpperCase() + property.slice(1);
}

const edmTypes: Record<PropertyType, string> = {
  string: "Edm.String",
  int32: "Edm.Int32",
  int64: "Edm.Int64",
  double: "Edm.Double",
  boolean: "Edm.Boolean",
  dateTime: "Edm.DateTimeOffset",
};

export const entityList: readonly Entity[] = Object.values(entities);

/** $metadata. */
export function metadata(): string {
  const types = entityList.map(({ name, key, properties }) =>
    `<EntityType Name="${name}"><Key>${
      key.map((property) => `<PropertyRef Name="${odataName(property)}"/>`).join("")
    }</Key>${
      Object.entries(properties).map(([property, { type, nullable }]) =>
        `<Property Name="${odataName(property)}" Type="${edmTypes[type]}" Nullable="${nullable}"${
          type === "dateTime" ? ' Precision="3"' : ""
        }/>`
      ).join("")
    }</EntityType>`
  );
  const sets = entityList.map(({ set, name }) => `<EntitySet Name="${set}" EntityType="${namespace}.${name}"/>`);
  return `<?xml version="1.0" encoding="utf-8"?>
<edmx:Edmx Version="4.0" xmlns:edmx="http://docs.oasis-open.org/odata/ns/edmx"><edmx:Reference Uri="https://oasis-tcs.github.io/odata-vocabularies/vocabularies/${capabilities}.xml"><edmx:Include Namespace="${capabilities}"/></edmx:Reference><edmx:DataServices><Schema Namespace="${namespace}" xmlns="http://docs.oasis-open.org/odata/ns/edm">${
    types.join("")
  }<EntityContainer Name="Container">${sets.join("")}</EntityContainer>${
    limits().join("")
  }</Schema></edmx:DataServices></edmx:Edmx>
`;
}

const capabilities = "Org.OData.Capabilities.V1";
const container = `${namespace}.Container`;
const annotation = (term: string, value: string) => `<Annotation Term="${capabilities}.${term}"${value}</Annotation>`;
const whether = (property: string, value: boolean) => `<PropertyValue Property="${property}" Bool="${value}"/>`;
const record = (...values: string[]) => `><Record>${values.join("")}</Record>`;

/* What programs are not to ask for, so that they do it themselves. */
const limits = () => [
  `<Annotations Target="${container}">${
    annotation(
      "FilterFunctions",
      `><Collection>${textFunctions.map((name) => `<String>${name}</String>`).join("")}</Collection>`,
    )
  }<Annotation Term="${capabilities}.BatchSupported" Bool="false"/></Annotations>`,
  ...entityList.map((entity) => {
    const unknown = Object.keys(entity.properties).filter((property) => !canCompare(entity, property));
    const paths = (name: string) =>
      `<PropertyValue Property="${name}"><Collection>${
        unknown.map((property) => `<PropertyPath>${odataName(property)}</PropertyPath>`).join("")
      }</Collection></PropertyValue>`;
    const restricted = unknown.length === 0 ? "" : annotation(
      "FilterRestrictions",
      record(whether("Filterable", true), paths("NonFilterableProperties")),
    ) + annotation("SortRestrictions", record(whether("Sortable", true), paths("NonSortableProperties")));
    return `<Annotations Target="${container}/${entity.set}">${
      annotation("ExpandRestrictions", record(whether("Expandable", false)))
    }${annotation("SearchRestrictions", record(whether("Searchable", false)))}${restricted}</Annotations>`;
  }),
];

/** What is stored with its device is compared after it was read; what only a rule knows is not. */
export function canCompare(entity: Entity, property: string): boolean {
  return entity === entities.supplies || entity === entities.meters || entity.properties[property]!.sql !== undefined;
}
