// Rosie's journey with types made of the API's description: list, connect, list, disconnect, list.

import type { components, operations } from "./imin.js";

type Account = components["schemas"]["Account"];
type Reply = operations["getSellerAccounts"]["responses"][200]["content"]["application/json"];

const [imin = "http://127.0.0.1:8080", key = "test-key", customer = "rosie"] = process.argv.slice(2);
const url = `${imin}/api/v2/customers/${encodeURIComponent(customer)}/accounts`;
const headers = { "X-Api-Key": key };

async function list(): Promise<Account[]> {
  const redirectUri: NonNullable<operations["getSellerAccounts"]["parameters"]["query"]>["redirectUri"] = "http://localhost/back";
  const response = await fetch(`${url}?${new URLSearchParams({ redirectUri })}`, { headers });
  if (response.status !== 200) throw new Error(`imin answered ${response.status}`);
  const reply = (await response.json()) as Reply;
  return reply["imin:item"] ?? [];
}

function describe(account: Account): string {
  const name = account.seller.name ?? account.seller["@id"];
  if ("dateLinked" in account) return `${name}: connected since ${account.dateLinked.slice(0, 10)}`;
  return account["imin:matchingEmailExists"] ? `${name}: not connected` : `${name}: no account`;
}

// A browser's part: through the seller's page and back.
async function connect(account: Account): Promise<void> {
  if ("dateLinked" in account) throw new Error("it is connected already");
  const action = account.potentialAction?.find((each) => each["@type"] === "RegisterAction");
  if (action === undefined) throw new Error("imin gave no link");
  const page = (await fetch(action.target, { redirect: "manual" })).headers.get("Location");
  if (page === null) throw new Error("the link leads nowhere");
  const form = new URLSearchParams({ email: `${customer}@example.com`, password: "password", decision: "consent" });
  const back = await fetch(page, { method: "POST", body: form, redirect: "manual" });
  console.log(`   ${back.status}, back to ${back.headers.get("Location")}`);
}

async function disconnect(seller: string): Promise<void> {
  const response = await fetch(`${url}?${new URLSearchParams({ seller })}`, { method: "DELETE", headers });
  if (response.status !== 204) throw new Error(`imin answered ${response.status}`);
}

async function show(heading: string): Promise<Account[]> {
  const accounts = await list();
  console.log(heading);
  for (const account of accounts) console.log(`   ${describe(account)}`);
  return accounts;
}

const accounts = await show("At first");
const pool = accounts.find((account) => !("dateLinked" in account) && account["imin:matchingEmailExists"]);
if (pool === undefined) throw new Error("there is nothing to log in to");
console.log(`Connect ${pool.seller.name}`);
await connect(pool);
await show("Then");
await disconnect(pool.seller["@id"]);
await show("Disconnected");
