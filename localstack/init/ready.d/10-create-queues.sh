#!/usr/bin/env bash
# Creates the queues from their attribute files. CreateQueue answers an existing queue with the same
# attributes as if it were new, so a restart changes nothing; other attributes are an error, not an update.
set -euo pipefail

definitions=${QUEUE_DEFINITIONS:-/etc/localstack/queues}

# The redrive policies name their dead-letter queues by ARN, and the ARN contains the region.
export AWS_DEFAULT_REGION=us-east-1

# Dead-letter queues first: SQS refuses a redrive policy whose target does not exist.
for queue in orders-dlq payments-dlq orders payments; do
  url=$(awslocal sqs create-queue --queue-name "$queue" \
    --attributes "file://$definitions/$queue.json" --query QueueUrl --output text)
  echo "queue $queue: $url"
done
