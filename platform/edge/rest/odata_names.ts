/** What OData calls the properties, and the document that describes them (CSDL 4.0). Pure. */
import { entities, type Entity } from "../../interfaces/entities.ts";
import type { PropertyType } from "../../interfaces/filter.ts";

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
<edmx:Edmx Version="4.0" xmlns:edmx="http://docs.oasis-open.org/odata/ns/edmx"><edmx:DataServices><Schema Namespace="${namespace}" xmlns="http://docs.oasis-open.org/odata/ns/edm">${
    types.join("")
  }<EntityContainer Name="Container">${sets.join("")}</EntityContainer></Schema></edmx:DataServices></edmx:Edmx>
`;
}
