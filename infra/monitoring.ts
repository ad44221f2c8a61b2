import { Duration } from "aws-cdk-lib";
import {
  Alarm,
  type AlarmProps,
  ComparisonOperator,
  Dashboard,
  GraphWidget,
  type IMetric,
  Stats,
  TreatMissingData,
} from "aws-cdk-lib/aws-cloudwatch";
import { SnsAction } from "aws-cdk-lib/aws-cloudwatch-actions";
import type { Table } from "aws-cdk-lib/aws-dynamodb";
import type { Function as LambdaFunction } from "aws-cdk-lib/aws-lambda";
import { Topic } from "aws-cdk-lib/aws-sns";
import { Construct } from "constructs";

const PERIOD = Duration.minutes(5);

export interface MonitoringProps {
  readonly api: LambdaFunction;
  readonly maintenance: LambdaFunction;
  readonly scanner: LambdaFunction;
  readonly table: Table;
  /** Without one an alarm is seen in the console only. */
  readonly alarmTopicArn?: string | undefined;
}

/** Seven alarms, each a state that someone should look at, and a dashboard to look at. CloudWatch bills both by the month. */
export class Monitoring extends Construct {
  constructor(scope: Construct, id: string, props: MonitoringProps) {
    super(scope, id);
    const metrics = metricsOf(props);
    const action =
      props.alarmTopicArn === undefined ? undefined : new SnsAction(Topic.fromTopicArn(this, "AlarmTopic", props.alarmTopicArn));
    const alarm = (
      name: string,
      settings: Pick<AlarmProps, "alarmDescription" | "metric" | "threshold"> & Partial<AlarmProps>,
    ) => {
      const made = new Alarm(this, name, {
        evaluationPeriods: 1,
        comparisonOperator: ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
        treatMissingData: TreatMissingData.NOT_BREACHING,
        ...settings,
      });
      if (action) made.addAlarmAction(action);
    };
    alarm("ApiFailing", {
      alarmDescription: "The API answers 5xx: it crashed, ran out of time, or its stores do not answer.",
      metric: metrics.failures,
      threshold: 5,
    });
    alarm("ApiThrottled", {
      alarmDescription: "Requests are turned away: more at once than the account or -c concurrency allows.",
      metric: metrics.throttles,
      threshold: 1,
    });
    alarm("TableThrottled", {
      alarmDescription: "The table turns writes away for a quarter of an hour: a queue is too hot. Give its topic more queues.",
      metric: metrics.writeThrottles,
      threshold: 10,
      evaluationPeriods: 3,
    });
    for (const { name, harm, runs, errors } of metrics.scheduled) {
      alarm(`${name}Failing`, { alarmDescription: `${name} fails again and again: ${harm}.`, metric: errors, threshold: 3 });
      alarm(`${name}Missing`, {
        alarmDescription: `${name} has not run for five minutes: ${harm}.`,
        metric: runs,
        threshold: 1,
        comparisonOperator: ComparisonOperator.LESS_THAN_THRESHOLD,
        treatMissingData: TreatMissingData.BREACHING,
      });
    }
    const graph = (title: string, ...left: IMetric[]) => new GraphWidget({ title, left, width: 12, period: PERIOD });
    new Dashboard(this, "Dashboard", {
      widgets: [
        [
          graph("Requests", metrics.requests, metrics.refusals, metrics.failures, metrics.throttles),
          graph("Latency, ms", ...metrics.latencies),
        ],
        [
          graph("Table units", ...metrics.tableUnits, metrics.writeThrottles, metrics.readThrottles),
          ...metrics.scheduled.map(({ name, runs, errors }) => graph(name, runs, errors)),
        ],
      ],
    });
  }
}

function metricsOf({ api, maintenance, scanner, table }: MonitoringProps) {
  const sum = { statistic: Stats.SUM, period: PERIOD };
  const runsOf = (lambda: LambdaFunction) => ({ runs: lambda.metricInvocations(sum), errors: lambda.metricErrors(sum) });
  return {
    requests: api.metric("UrlRequestCount", sum),
    refusals: api.metric("Url4xxCount", sum),
    failures: api.metric("Url5xxCount", sum),
    throttles: api.metricThrottles(sum),
    latencies: [Stats.p(50), Stats.p(99)].map((statistic) => api.metric("UrlRequestLatency", { statistic, period: PERIOD })),
    tableUnits: [table.metricConsumedWriteCapacityUnits(sum), table.metricConsumedReadCapacityUnits(sum)],
    writeThrottles: table.metric("WriteThrottleEvents", sum),
    readThrottles: table.metric("ReadThrottleEvents", sum),
    scheduled: [
      { name: "Maintenance", harm: "the store grows", ...runsOf(maintenance) },
      { name: "Scanner", harm: "delayed messages and checks of transactions come late", ...runsOf(scanner) },
    ],
  };
}
