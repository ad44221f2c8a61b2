import { Duration } from "aws-cdk-lib";
import {
  Alarm,
  type AlarmProps,
  ComparisonOperator,
  Dashboard,
  GraphWidget,
  type IMetric,
  Metric,
  Stats,
  TreatMissingData,
} from "aws-cdk-lib/aws-cloudwatch";
import { SnsAction } from "aws-cdk-lib/aws-cloudwatch-actions";
import type { ITable } from "aws-cdk-lib/aws-dynamodb";
import { Topic } from "aws-cdk-lib/aws-sns";
import { Construct } from "constructs";
import type { Deployment } from "./deployment.ts";
import { type FunctionKind, functionName } from "./function-names.ts";

const PERIOD = Duration.minutes(5);
const MINUTE = Duration.minutes(1);
/** DynamoDB counts its failures per operation. The scanner makes this one even if nobody calls the API. */
const QUERY = "Query";

export interface MonitoringProps {
  readonly deployment: Pick<Deployment, "name" | "alarmTopicArn">;
  readonly table: ITable;
}

/** Thirteen alarms, each for a state that someone should look at, and a dashboard. CloudWatch bills both by the month. */
export class Monitoring extends Construct {
  constructor(scope: Construct, id: string, props: MonitoringProps) {
    super(scope, id);
    const { alarmTopicArn } = props.deployment;
    const metrics = metricsOf(props);
    const action = alarmTopicArn === undefined ? undefined : new SnsAction(Topic.fromTopicArn(this, "AlarmTopic", alarmTopicArn));
    for (const [name, settings] of Object.entries(alarmsOn(metrics))) {
      const made = new Alarm(this, name, {
        evaluationPeriods: 1,
        comparisonOperator: ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
        treatMissingData: TreatMissingData.NOT_BREACHING,
        ...settings,
      });
      if (action) made.addAlarmAction(action);
    }
    const graph = (title: string, ...left: IMetric[]) => new GraphWidget({ title, left, width: 12, period: PERIOD });
    new Dashboard(this, "Dashboard", {
      widgets: [
        [
          graph("Requests", metrics.requests, metrics.refusals, metrics.failures, metrics.throttles),
          graph("Latency, ms", ...metrics.latencies),
        ],
        [
          graph("Timers and checks that are late", metrics.oldestDue, metrics.dueWaiting, metrics.checksNotPosted),
          graph("Table units", ...metrics.tableUnits),
        ],
        [
          graph("Scanner", ...Object.values(metrics.scanner)),
          graph("Table: turned away, failed", metrics.writeThrottles, metrics.readThrottles, metrics.tableFailures),
        ],
        [graph("Maintenance", ...Object.values(metrics.maintenance))],
      ],
    });
  }
}

type Metrics = ReturnType<typeof metricsOf>;
type AlarmSettings = Pick<AlarmProps, "alarmDescription" | "metric" | "threshold"> & Partial<AlarmProps>;

function alarmsOn(metrics: Metrics): Record<string, AlarmSettings> {
  return {
    ApiFailing: {
      alarmDescription: "The API answers 5xx: it crashed, ran out of time, or its stores do not answer.",
      metric: metrics.failures,
      threshold: 5,
    },
    ApiThrottled: {
      alarmDescription: "Requests are turned away: more at once than the account or -c concurrency allows.",
      metric: metrics.throttles,
      threshold: 1,
    },
    TableThrottled: {
      alarmDescription:
        "The table turns writes away for a quarter of an hour. Sends come too fast for a queue: give its topic more queues. Delayed messages or transactions come too fast: raise -c timerShards.",
      metric: metrics.writeThrottles,
      threshold: 10,
      evaluationPeriods: 3,
    },
    TableReadsThrottled: {
      alarmDescription: "The table turns reads away for a quarter of an hour: receivers and the scanner wait.",
      metric: metrics.readThrottles,
      threshold: 10,
      evaluationPeriods: 3,
    },
    TableFailing: {
      alarmDescription: "DynamoDB fails by itself: requests are tried again, and take longer or end as 503.",
      metric: metrics.tableFailures,
      threshold: 5,
    },
    TimersLate: {
      alarmDescription:
        "What was due half a minute ago is not delivered yet: the scanner does not run, is turned away by the table, or has more to do than it can.",
      metric: metrics.oldestDue,
      threshold: 30,
      comparisonOperator: ComparisonOperator.GREATER_THAN_THRESHOLD,
      evaluationPeriods: 3,
      datapointsToAlarm: 2,
    },
    TimersWaiting: {
      alarmDescription: "More falls due than is delivered: raise -c timerShards and -c scannerMemory.",
      metric: metrics.dueWaiting,
      threshold: 10_000,
      evaluationPeriods: 5,
    },
    ChecksNotPosted: {
      alarmDescription: "For ten minutes producers were not asked about transactions: their endpoints are slow or dead.",
      metric: metrics.checksNotPosted,
      threshold: 1,
      evaluationPeriods: 2,
    },
    ScannerThrottled: {
      alarmDescription:
        "Lambda turns the scanner away: the account runs as much as it may. Others should take less, or it needs a higher quota.",
      metric: metrics.scanner.throttles,
      threshold: 5,
      evaluationPeriods: 2,
    },
    ...alarmsOnRuns("Maintenance", "the store grows", metrics.maintenance),
    ...alarmsOnRuns("Scanner", "delayed messages and checks of transactions come late", metrics.scanner),
  };
}

const alarmsOnRuns = (
  name: string,
  harm: string,
  { runs, errors }: { readonly runs: IMetric; readonly errors: IMetric },
): Record<string, AlarmSettings> => ({
  [`${name}Failing`]: { alarmDescription: `${name} fails again and again: ${harm}.`, metric: errors, threshold: 3 },
  [`${name}Missing`]: {
    alarmDescription: `${name} has not run for five minutes: ${harm}.`,
    metric: runs,
    threshold: 1,
    comparisonOperator: ComparisonOperator.LESS_THAN_THRESHOLD,
    treatMissingData: TreatMissingData.BREACHING,
  },
});

function metricsOf({ deployment: { name }, table }: MonitoringProps) {
  const sum = { statistic: Stats.SUM, period: PERIOD };
  // A metric of a function by its name: all versions together.
  const ofFunction = (kind: FunctionKind, metricName: string, settings: { statistic: string; period: Duration } = sum) =>
    new Metric({
      namespace: "AWS/Lambda",
      metricName,
      dimensionsMap: { FunctionName: functionName(name, kind) },
      ...settings,
    });
  // The scanner logs these as embedded metrics, only while they are above zero: CloudWatch bills a metric by its hours.
  const ofScanner = (metricName: string, statistic: string, period: Duration) =>
    new Metric({ namespace: "Apogee", metricName, dimensionsMap: { Deployment: name }, statistic, period });
  return {
    requests: ofFunction("api", "UrlRequestCount"),
    refusals: ofFunction("api", "Url4xxCount"),
    failures: ofFunction("api", "Url5xxCount"),
    throttles: ofFunction("api", "Throttles"),
    latencies: [Stats.p(50), Stats.p(99)].map((statistic) =>
      ofFunction("api", "UrlRequestLatency", { statistic, period: PERIOD }),
    ),
    tableUnits: [table.metricConsumedWriteCapacityUnits(sum), table.metricConsumedReadCapacityUnits(sum)],
    writeThrottles: table.metric("WriteThrottleEvents", sum),
    readThrottles: table.metric("ReadThrottleEvents", sum),
    tableFailures: table.metric("SystemErrors", {
      ...sum,
      dimensionsMap: { TableName: table.tableName, Operation: QUERY },
    }),
    oldestDue: ofScanner("OldestDueTimerSeconds", Stats.MAXIMUM, MINUTE),
    dueWaiting: ofScanner("DueTimersWaiting", Stats.MAXIMUM, MINUTE),
    checksNotPosted: ofScanner("ChecksNotPosted", Stats.SUM, PERIOD),
    maintenance: { runs: ofFunction("maintenance", "Invocations"), errors: ofFunction("maintenance", "Errors") },
    scanner: {
      runs: ofFunction("scanner", "Invocations"),
      errors: ofFunction("scanner", "Errors"),
      throttles: ofFunction("scanner", "Throttles"),
      dropped: ofFunction("scanner", "AsyncEventsDropped"),
    },
  };
}
