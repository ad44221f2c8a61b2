"""Prints what the functions of a stack have logged, one line each: log-messages.py <stack> <start of the log group's logical id>.

Python, because MiniStack brings AWS's own client library along.
"""

import sys

from botocore.session import get_session

stack, prefix = sys.argv[1:]
session = get_session()
resources = session.create_client("cloudformation").list_stack_resources(StackName=stack)["StackResourceSummaries"]
logs = session.create_client("logs")
for resource in resources:
    if resource["ResourceType"] == "AWS::Logs::LogGroup" and resource["LogicalResourceId"].startswith(prefix):
        for event in logs.filter_log_events(logGroupName=resource["PhysicalResourceId"])["events"]:
            print(event["message"].strip())
