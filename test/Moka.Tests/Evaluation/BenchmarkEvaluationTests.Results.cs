using System.Text.Json;
using Microsoft.ML.Data;
using Microsoft.ML.Moka.Evaluation.Statistics;
using Microsoft.ML.Moka.Files;
using Microsoft.ML.Moka.Tests.Files;

namespace Microsoft.ML.Moka.Tests.Evaluation;

// What is kept of an evaluation in its file of answers, and when it is not taken.
public sealed partial class BenchmarkEvaluationTests
{
    [Theory]
    [MemberData(nameof(Protocols))]
    public void AnInterruptedRunGoesOnToTheSameAnswers(string protocol)
    {
        var expected = Evaluate(protocol, options => options.BatchTokens = 400);
        var batches = 0;

        for (var stopAfter = 1; ; stopAfter++)
        {
            using var cancel = new CancellationTokenSource();
            var answered = 0;
            try
            {
                var metrics = Evaluate(protocol, options =>
                {
                    options.BatchTokens = 400;
                    options.ResultsFolder = _folder.File("results");
                    options.CancellationToken = cancel.Token;
                    options.Progress = _ =>
                    {
                        batches++;
                        if (++answered == stopAfter)
                            cancel.Cancel();
                    };
                });
                AssertSame(expected, metrics);
                Assert.True(stopAfter > 1);
                break;
            }
            catch (OperationCanceledException)
            {
                // What is being written when a process dies.
                File.AppendAllText(Assert.Single(Directory.GetFiles(_folder.File("results"))), "{\"task\":\"ARC-e\",\"fir");
            }
        }
        // No question was answered twice: a finished evaluation answers none.
        var earlier = batches;
        AssertSame(expected, Evaluate(protocol, options =>
        {
            options.BatchTokens = 400;
            options.ResultsFolder = _folder.File("results");
            options.Progress = _ => batches++;
        }));
        Assert.Equal(earlier, batches);
        Assert.Equal(File.ReadLines(Assert.Single(Directory.GetFiles(_folder.File("results")))).Count() - 1, batches);
    }

    [Fact]
    public void AnswersOfOtherSettingsAreRefused()
    {
        Evaluate("likelihood", options => options.ResultsFolder = _folder.File("results"));

        var error = Assert.Throws<InvalidOperationException>(() => Evaluate("likelihood", options =>
        {
            options.ResultsFolder = _folder.File("results");
            options.MaximumRows = 5;
        }));
        Assert.Contains("data of ARC-e", error.Message, StringComparison.Ordinal);
        Assert.Contains("12 rows' there", error.Message, StringComparison.Ordinal);

        File.AppendAllText(Path.Combine(Benchmarks, "ARC-Easy", "test.json"), " ");
        Assert.Throws<InvalidOperationException>(() => Evaluate("likelihood", options => options.ResultsFolder = _folder.File("results")));
    }

    [Theory]
    [InlineData("{}\n", "line 1")]
    [InlineData("hello\n", "line 1")]
    [InlineData("{\"format\":\"other\",\"settings\":{}}\n", "'other'")]
    public void AFileThatHoldsNoAnswersIsRefusedAndKept(string content, string message)
    {
        Directory.CreateDirectory(_folder.File("results"));
        var path = Path.Combine(_folder.File("results"), "backbone-likelihood-of-answer-words.jsonl");
        File.WriteAllText(path, content);

        var error = Assert.Throws<InvalidDataException>(() => Evaluate("likelihood", options => options.ResultsFolder = _folder.File("results")));

        Assert.Contains(path, error.Message, StringComparison.Ordinal);
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
        Assert.Equal(content, File.ReadAllText(path));
    }

    [Fact]
    public void ADamagedLineIsReported()
    {
        Evaluate("likelihood", options => options.ResultsFolder = _folder.File("results"));
        var path = Assert.Single(Directory.GetFiles(_folder.File("results")));
        var lines = File.ReadAllLines(path);

        File.WriteAllLines(path, [lines[0], "{\"task\":3}", .. lines[1..]]);
        Assert.Contains("line 2", Assert.Throws<InvalidDataException>(Again).Message, StringComparison.Ordinal);
        File.WriteAllLines(path, [lines[0], lines[1], .. lines[1..]]);
        Assert.Contains("do not follow", Assert.Throws<InvalidDataException>(Again).Message, StringComparison.Ordinal);

        void Again() => Evaluate("likelihood", options => options.ResultsFolder = _folder.File("results"));
    }

    [Theory]
    [InlineData("\"isCorrect\":true", "\"isCorrect\":false")]
    [InlineData("\"label\":\"answer1\"", "\"label\":\"answer9\"")]
    [InlineData("\"answers\":[", "\"answers\":null,\"other\":[")]
    [InlineData("\"answers\":[{", "\"answers\":[null,{")]
    [InlineData("\"task\":\"ARC-e\"", "\"task\":null")]
    [InlineData("\"seconds\":", "\"seconds\":1")]
    [InlineData("\"settings\":{", "\"settings\":null,\"other\":{")]
    [InlineData("\"backbone\":\"", "\"backbone\":null,\"other\":\"")]
    public void AValueThatWasChangedIsReportedWithItsLine(string found, string put)
    {
        Evaluate("likelihood", options => options.ResultsFolder = _folder.File("results"));
        var path = Assert.Single(Directory.GetFiles(_folder.File("results")));
        var lines = File.ReadAllLines(path);
        var line = Array.FindIndex(lines, text => text.Contains(found, StringComparison.Ordinal));
        lines[line] = lines[line].Replace(found, put, StringComparison.Ordinal);
        File.WriteAllLines(path, lines);

        var error = Assert.Throws<InvalidDataException>(() => Evaluate("likelihood", options => options.ResultsFolder = _folder.File("results")));

        Assert.Contains($"{path}, line {line + 1}", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void AnyBitOfAFileOfAnswersMayFlipAndNoNumberChanges()
    {
        var expected = Evaluate("likelihood", options => options.ResultsFolder = _folder.File("results"));
        var path = Assert.Single(Directory.GetFiles(_folder.File("results")));
        var bytes = File.ReadAllBytes(path);
        var random = new Random(1);
        var refused = 0;
        for (var i = 0; i < 100; i++)
        {
            var flipped = bytes.ToArray();
            flipped[random.Next(bytes.Length)] ^= (byte)(1 << random.Next(8));
            File.WriteAllBytes(path, flipped);
            try
            {
                AssertSame(expected, Evaluate("likelihood", options => options.ResultsFolder = _folder.File("results")));
            }
            catch (InvalidDataException e)
            {
                Assert.Contains(path, e.Message, StringComparison.Ordinal);
                refused++;
            }
        }
        Assert.InRange(refused, 90, 100);
    }

    [Fact]
    public void AnswersOfAnotherFileAreRefused()
    {
        Evaluate("likelihood", options => options.ResultsFolder = _folder.File("results"));
        var path = Assert.Single(Directory.GetFiles(_folder.File("results")));
        Evaluate("likelihood", options =>
        {
            options.ResultsFolder = _folder.File("others");
            options.BatchTokens = 1000;
        });
        var others = File.ReadAllLines(Assert.Single(Directory.GetFiles(_folder.File("others"))));
        File.WriteAllLines(path, [File.ReadLines(path).First(), .. others[1..]]);

        var error = Assert.Throws<InvalidDataException>(() => Evaluate("likelihood", options => options.ResultsFolder = _folder.File("results")));
        Assert.Contains("line 2", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void ADiskThatFailsLosesNoAnswer()
    {
        var expected = Evaluate("likelihood", options => options.BatchTokens = 400);
        for (var call = 1; ; call++)
        {
            Disk.Use(new FailingDisk(call, DiskFault.Full));
            try
            {
                Again();
                break;
            }
            catch (IOException)
            {
                Disk.Use(null);
                // Each failure leaves what was complete, and the next run goes on from there.
                if (call % 3 == 0)
                    AssertSame(expected, Again());
                if (call % 3 == 0)
                    Directory.Delete(_folder.File("results"), recursive: true);
            }
            finally
            {
                Disk.Use(null);
            }
        }
        AssertSame(expected, Again());

        BenchmarkMetrics Again() => Evaluate("likelihood", options =>
        {
            options.BatchTokens = 400;
            options.ResultsFolder = _folder.File("results");
        });
    }
}
