import { describe, expect, it } from "vitest";
import { KMS_KEY, type Synthesized, synthesize } from "./synthesize.ts";

interface Statement {
  readonly Effect: string;
  readonly Action: string | string[];
  readonly Resource: unknown;
  readonly Condition?: unknown;
}

const found = ({ api, service }: Synthesized, type: string) => ({ ...api.findResources(type), ...service.findResources(type) });
const defaults = synthesize();
const roles = found(defaults, "AWS::IAM::Role");
const policies = Object.values(found(defaults, "AWS::IAM::Policy"));

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
  // It is started again when it dies.
  Scanner: [...STORE_GRANTS, ...LOG_GRANTS, "lambda:InvokeFunction on scanner"],
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
  if (/^{"Fn::Join":\["",\["arn:",.+,":lambda:",.+,":function:Apogee-scanner:live"\]\]}$/.test(text)) return "scanner";
  if (/^{"Fn::Join":\["",\["arn:",.+,":dynamodb:",.+,":table\/restored"\]\]}$/.test(text)) return "restored table";
  return text;
}

const statementsOf = (roleId: string, from = policies): Statement[] =>
  from
    .filter(({ Properties }) => Properties.Roles.some((role: { Ref: string }) => role.Ref === roleId))
    .flatMap(({ Properties }) => Properties.PolicyDocument.Statement);

const grantsOf = (statements: Statement[], owner: string): string[] =>
  statements
    .flatMap(({ Action, Resource }) =>
      listed(Action).flatMap((action) => listed(Resource).map((resource) => `${action} on ${resourceName(resource, owner)}`)),
    )
    .sort();

describe("each function may do what it needs, and nothing else", () => {
  for (const [owner, allowed] of Object.entries(ALLOWED)) {
    it(owner, () => {
      const roleId = Object.keys(roles).find((id) => id.startsWith(`${owner}Role`));
      expect(grantsOf(statementsOf(roleId!), owner)).toEqual([...allowed].sort());
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
    const statements = Object.keys(roles).flatMap((id) => statementsOf(id));
    expect(statements.length).toBeGreaterThan(0);
    for (const { Effect, Action, Resource } of statements) {
      expect(Effect).toBe("Allow");
      for (const action of listed(Action)) expect(action).toMatch(/^[a-z0-9]+:[A-Za-z]+$/);
      for (const resource of listed(Resource)) expect(resource).not.toBe("*");
    }
  });
});

describe("with a key of one's own", () => {
  const keyed = synthesize({ kmsKeyArn: KMS_KEY });
  const keyedPolicies = Object.values(found(keyed, "AWS::IAM::Policy"));

  it.each(Object.keys(ALLOWED))("%s may use it by way of the two stores, and has no other right more", (owner) => {
    const roleId = Object.keys(found(keyed, "AWS::IAM::Role")).find((id) => id.startsWith(`${owner}Role`));
    const statements = statementsOf(roleId!, keyedPolicies);
    const ofKey = statements.filter(({ Resource }) => Resource === KMS_KEY);
    expect(ofKey).toEqual([
      {
        Effect: "Allow",
        Action: ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey", "kms:ReEncryptFrom", "kms:ReEncryptTo"],
        Resource: KMS_KEY,
        Condition: {
          StringEquals: {
            "kms:ViaService": ["dynamodb", "s3"].map((name) => ({
              "Fn::Join": ["", [`${name}.`, { Ref: "AWS::Region" }, ".amazonaws.com"]],
            })),
          },
        },
      },
    ]);
    const others = statements.filter((statement) => !ofKey.includes(statement));
    expect(grantsOf(others, owner)).toEqual([...(ALLOWED[owner] ?? [])].sort());
  });
});

it("on another table each function has its rights there, and none on the deployment's own", () => {
  const restored = synthesize({ tableName: "restored" });
  for (const [owner, allowed] of Object.entries(ALLOWED)) {
    const roleId = Object.keys(found(restored, "AWS::IAM::Role")).find((id) => id.startsWith(`${owner}Role`));
    const grants = grantsOf(statementsOf(roleId!, Object.values(found(restored, "AWS::IAM::Policy"))), owner);
    expect(grants).toEqual(allowed.map((grant) => grant.replace("on table", "on restored table")).sort());
  }
});
