import { describe, expect, it } from "vitest";
import { synthesize } from "./synthesize.ts";

interface Statement {
  readonly Effect: string;
  readonly Action: string | string[];
  readonly Resource: unknown;
  readonly Condition?: unknown;
}

const { service } = synthesize();
const roles = service.findResources("AWS::IAM::Role");
const policies = Object.values(service.findResources("AWS::IAM::Policy"));

/** What the broker calls; a transaction needs the right to each of its parts. Whoever adds a line says which call needs it. */
const STORE_GRANTS = [
  "dynamodb:BatchGetItem on table",
  "dynamodb:ConditionCheckItem on table",
  "dynamodb:DeleteItem on table",
  "dynamodb:GetItem on table",
  "dynamodb:PutItem on table",
  "dynamodb:Query on table",
  "dynamodb:UpdateItem on table",
  "s3:GetObject on bucket/log/*",
  // Tells an object that is gone from one that is forbidden.
  "s3:ListBucket on bucket",
  "s3:PutObject on bucket/log/*",
];
const LOG_GRANTS = ["logs:CreateLogStream on its log", "logs:PutLogEvents on its log"];
const ALLOWED: Record<string, readonly string[]> = {
  // It wakes the scanner for what is due soon.
  Api: [...STORE_GRANTS, ...LOG_GRANTS, "lambda:InvokeFunction on scanner"],
  Maintenance: [...STORE_GRANTS, ...LOG_GRANTS],
  Scanner: [...STORE_GRANTS, ...LOG_GRANTS],
};

const listed = <T>(value: T | T[]): T[] => (Array.isArray(value) ? value : [value]);

/** The name of a resource as the allow-lists have it; any other as it is in the template. */
function resourceName(resource: unknown, owner: string): string {
  const text = JSON.stringify(resource);
  if (/^{"Fn::ImportValue":"\w+:ExportsOutputFnGetAttTable\w+Arn\w+"}$/.test(text)) return "table";
  if (/^{"Fn::ImportValue":"\w+:ExportsOutputFnGetAttBucket\w+Arn\w+"}$/.test(text)) return "bucket";
  const below = /^{"Fn::Join":\["",\[{"Fn::ImportValue":"\w+:ExportsOutputFnGetAttBucket\w+Arn\w+"},"([^"]+)"\]\]}$/.exec(text);
  if (below) return `bucket${below[1]}`;
  if (new RegExp(`^{"Fn::GetAtt":\\["${owner}Log\\w+","Arn"\\]}$`).test(text)) return "its log";
  if (/^{"Fn::GetAtt":\["ScannerFunction\w+","Arn"\]}$/.test(text)) return "scanner";
  return text;
}

const statementsOf = (roleId: string): Statement[] =>
  policies
    .filter(({ Properties }) => Properties.Roles.some((role: { Ref: string }) => role.Ref === roleId))
    .flatMap(({ Properties }) => Properties.PolicyDocument.Statement);

describe("each function may do what it needs, and nothing else", () => {
  for (const [owner, allowed] of Object.entries(ALLOWED)) {
    it(owner, () => {
      const roleId = Object.keys(roles).find((id) => id.startsWith(`${owner}Role`));
      const grants = statementsOf(roleId!).flatMap(({ Action, Resource }) =>
        listed(Action).flatMap((action) => listed(Resource).map((resource) => `${action} on ${resourceName(resource, owner)}`)),
      );
      expect(grants.sort()).toEqual([...allowed].sort());
    });
  }

  it("no role is without an allow-list, and none takes a policy from elsewhere", () => {
    expect(
      Object.keys(roles)
        .map((id) => id.replace(/Role\w+$/, ""))
        .sort(),
    ).toEqual(Object.keys(ALLOWED).sort());
    for (const { Properties } of Object.values(roles)) {
      expect(Properties).not.toHaveProperty("ManagedPolicyArns");
      expect(Properties).not.toHaveProperty("Policies");
      expect(Properties.AssumeRolePolicyDocument.Statement).toEqual([
        { Action: "sts:AssumeRole", Effect: "Allow", Principal: { Service: "lambda.amazonaws.com" } },
      ]);
    }
    const known = policies.flatMap(({ Properties }) => Properties.Roles.map((role: { Ref: string }) => role.Ref));
    expect(known.sort()).toEqual(Object.keys(roles).sort());
  });

  it("no statement allows all actions, or all resources", () => {
    const statements = Object.keys(roles).flatMap(statementsOf);
    expect(statements.length).toBeGreaterThan(0);
    for (const { Effect, Action, Resource } of statements) {
      expect(Effect).toBe("Allow");
      for (const action of listed(Action)) expect(action).toMatch(/^[a-z0-9]+:[A-Za-z]+$/);
      for (const resource of listed(Resource)) expect(resource).not.toBe("*");
    }
  });
});
