/** @peculiar/x509 with what it needs to be loaded first; everything imports it from here. */
import "reflect-metadata";
export * from "@peculiar/x509";
