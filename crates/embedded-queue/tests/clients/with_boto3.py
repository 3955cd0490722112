"""boto3 on the embedded queue: create, list, send, receive, batches, redrive, move task, tags, purge, delete.

Usage: python with_boto3.py URL
"""

import json
import sys
import time

import boto3
from botocore.exceptions import ClientError

sqs = boto3.client("sqs", endpoint_url=sys.argv[1])


def attributes(url, *names):
    return sqs.get_queue_attributes(QueueUrl=url, AttributeNames=list(names)).get("Attributes", {})


def waiting(url):
    return int(attributes(url, "ApproximateNumberOfMessages")["ApproximateNumberOfMessages"])


def eventually(what, look):
    deadline = time.monotonic() + 30
    while not look():
        assert time.monotonic() < deadline, f"waited in vain: {what}"
        time.sleep(0.05)


def refused(code, call, **parameters):
    try:
        call(**parameters)
    except ClientError as error:
        assert error.response["Error"]["Code"] == code, error.response
        return error.response
    raise AssertionError(f"not refused: {call.__name__} {parameters}")


# The queues of --queues are there, each with its dead-letter queue.
listed = [url.rsplit("/", 1)[1] for url in sqs.list_queues()["QueueUrls"]]
assert sorted(listed) == ["orders", "orders-dlq", "payments", "payments-dlq"], listed
orders = sqs.get_queue_url(QueueName="orders")["QueueUrl"]
assert json.loads(attributes(orders, "RedrivePolicy")["RedrivePolicy"])["maxReceiveCount"] == 5

# A queue of its own, whose messages die after one receive.
letters = sqs.create_queue(QueueName="boto3-dlq")["QueueUrl"]
letters_arn = attributes(letters, "QueueArn")["QueueArn"]
policy = json.dumps({"deadLetterTargetArn": letters_arn, "maxReceiveCount": 1})
queue = sqs.create_queue(QueueName="boto3", Attributes={"RedrivePolicy": policy}, tags={"team": "orders"})["QueueUrl"]
assert sqs.list_dead_letter_source_queues(QueueUrl=letters)["queueUrls"] == [queue]
pages = sqs.get_paginator("list_queues").paginate(PaginationConfig={"PageSize": 2})
assert [len(page["QueueUrls"]) for page in pages] == [2, 2, 2]

# Tags.
sqs.tag_queue(QueueUrl=queue, Tags={"stage": "test"})
sqs.untag_queue(QueueUrl=queue, TagKeys=["team"])
assert sqs.list_queue_tags(QueueUrl=queue)["Tags"] == {"stage": "test"}

# One message, with attributes of each type; boto3 checks the digests.
kinds = {
    "text": {"DataType": "String", "StringValue": "ä"},
    "number": {"DataType": "Number", "StringValue": "4200"},
    "bytes": {"DataType": "Binary", "BinaryValue": b"\x00\xff"},
}
sent = sqs.send_message(QueueUrl=queue, MessageBody="hello", MessageAttributes=kinds)
[message] = sqs.receive_message(QueueUrl=queue, MessageAttributeNames=["All"], WaitTimeSeconds=5)["Messages"]
assert (message["MessageId"], message["Body"]) == (sent["MessageId"], "hello")
assert message["MessageAttributes"] == kinds, message
sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
assert "Messages" not in sqs.receive_message(QueueUrl=queue)

# Batches, with an entry that is refused.
entries = [{"Id": str(number), "MessageBody": f"message {number}"} for number in range(9)]
answer = sqs.send_message_batch(QueueUrl=queue, Entries=entries + [{"Id": "bad", "MessageBody": "\x0b"}])
assert len(answer["Successful"]) == 9 and answer["Failed"][0]["Id"] == "bad", answer
received = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10)["Messages"]
assert len(received) == 9
handles = [{"Id": str(number), "ReceiptHandle": one["ReceiptHandle"]} for number, one in enumerate(received)]
deleted = sqs.delete_message_batch(QueueUrl=queue, Entries=handles[:6])
assert len(deleted["Successful"]) == 6 and "Failed" not in deleted
hidden = [{**handle, "VisibilityTimeout": 0} for handle in handles[6:]]
assert len(sqs.change_message_visibility_batch(QueueUrl=queue, Entries=hidden)["Successful"]) == 3

# They die at their second receive, and a move task sends them back.
assert "Messages" not in sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10)
assert (waiting(queue), waiting(letters)) == (0, 3)
refused("InvalidParameterValue", sqs.start_message_move_task, SourceArn=attributes(queue, "QueueArn")["QueueArn"])
handle = sqs.start_message_move_task(SourceArn=letters_arn)["TaskHandle"]


def task():
    return sqs.list_message_move_tasks(SourceArn=letters_arn)["Results"][0]


eventually("the task is done", lambda: task()["Status"] == "COMPLETED")
assert task()["ApproximateNumberOfMessagesMoved"] == 3
assert (waiting(queue), waiting(letters)) == (3, 0)

# Errors are those that boto3 has classes for.
error = refused("AWS.SimpleQueueService.NonExistentQueue", sqs.get_queue_url, QueueName="unknown")
assert error["ResponseMetadata"]["HTTPStatusCode"] == 400 and error["ResponseMetadata"]["RequestId"]
try:
    sqs.send_message(QueueUrl=f"{queue}-not", MessageBody="lost")
    raise AssertionError("sent to a queue that is not there")
except sqs.exceptions.QueueDoesNotExist:
    pass

# Purge and delete, each once in a minute, as SQS has it.
sqs.purge_queue(QueueUrl=queue)
assert waiting(queue) == 0
refused("AWS.SimpleQueueService.PurgeQueueInProgress", sqs.purge_queue, QueueUrl=queue)
for url in (queue, letters):
    sqs.delete_queue(QueueUrl=url)
refused("AWS.SimpleQueueService.QueueDeletedRecently", sqs.create_queue, QueueName="boto3")
print(f"boto3 {boto3.__version__} works on the embedded queue")
