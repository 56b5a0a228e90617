/** @peculiar/x509, with the polyfill that must be loaded first; everything imports it from here. */
import "reflect-metadata";
export * from "@peculiar/x509";
