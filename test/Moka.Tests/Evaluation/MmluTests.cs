using Microsoft.ML.Moka.Evaluation.Benchmarks;

namespace Microsoft.ML.Moka.Tests.Evaluation;

public sealed class MmluTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly MLContext _mlContext = new(seed: 1);

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void APromptHasTheSubjectTheExamplesAndTheQuestion()
    {
        var test = Write("test/high_school_physics_test.csv", "\"What is \"\"g\"\",\nroughly?\",1,\"9,8\",3,4,B\n");
        var dev = Write("dev/high_school_physics_dev.csv", "One?,a,b,c,d,A\r\nTwo?,a,b,c,d,D\r\nThree?,a,b,c,d,C\r\n");

        var row = Assert.Single(_mlContext.Data.CreateEnumerable<ChoiceRow>(_mlContext.Data.LoadMmlu(test, dev, examples: 2), reuseRowObject: false));

        Assert.Equal(
            "The following are multiple choice questions (with answers) about high school physics.\n\n" +
            "One?\nA. a\nB. b\nC. c\nD. d\nAnswer: A\n\nTwo?\nA. a\nB. b\nC. c\nD. d\nAnswer: D\n\n" +
            "What is \"g\",\nroughly?\nA. 1\nB. 9,8\nC. 3\nD. 4\nAnswer:",
            row.Text);
        Assert.Equal(["A", "B", "C", "D"], row.Candidates);
        Assert.Equal(("high school physics", "B", 1), (row.Task, row.Label, row.LabelIndex));
    }

    [Theory]
    [InlineData("Q?,w,x,y,z,C\n")]
    [InlineData("Q?,w,x,y,z,2")]
    [InlineData("question,A,B,C,D,answer\nQ?,w,x,y,z,c\n")]
    [InlineData(",target,D,C,B,A,Question\n0,2,z,y,x,w,Q?\n")]
    public void HeadersLettersAndNumbersAreUnderstood(string content)
    {
        var row = Assert.Single(MmluFile.Read(Write("a_test.csv", content), "a", ""));

        Assert.Equal("Q?\nA. w\nB. x\nC. y\nD. z\nAnswer:", row.Text);
        Assert.Equal("C", row.Label);
    }

    [Theory]
    [InlineData("Q?,w,x,y,z,C\n\"Q\n?\",w,x,y,z,E\n", "line 2: the answer must be A, B, C or D, or 0 to 3; found 'E'")]
    [InlineData("Q?,w,x,y,z,C\n\"Q\n?\",w,x,y,z,A\nQ?,w\n", "line 4: a question, four choices and an answer are needed; found 2 fields")]
    [InlineData("question,A,B,C,answer\n", "line 1: a header must name")]
    [InlineData("Q?,w,x,y,z,C\n\"Q?,w,x,y,z,C\n", "line 2: a quote has no end")]
    [InlineData("Q?,w,x,y,z,4\n", "found '4'")]
    public void ABadRecordIsReportedWithFileAndLine(string content, string message)
    {
        var path = Write("a_test.csv", content);

        var error = Assert.Throws<InvalidDataException>(() => MmluFile.Read(path, "a", "").ToList());

        Assert.StartsWith(path, error.Message, StringComparison.Ordinal);
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void TooFewExamplesAreRefused()
    {
        var test = Write("a_test.csv", "Q?,w,x,y,z,C\n");

        Assert.Contains(
            "has 1 examples; 5 are wanted", Assert.Throws<InvalidDataException>(() => _mlContext.Data.LoadMmlu(test, test)).Message, StringComparison.Ordinal);
        Assert.Single(_mlContext.Data.CreateEnumerable<ChoiceRow>(_mlContext.Data.LoadMmlu(test), reuseRowObject: false));
    }

    [Fact]
    public void AFolderOfSubjectsIsEvaluatedAndTheExamplesAreComputedOnceForABatch()
    {
        foreach (var subject in new[] { "astronomy", "world_religions" })
        {
            Write($"test/{subject}_test.csv", string.Concat(Enumerable.Range(0, 6).Select(i => $"Q{i}?,w,x,y,z,{i % 4}\n")));
            Write($"dev/{subject}_dev.csv", "E?,w,x,y,z,A\n");
        }
        var options = new BenchmarkOptions { Protocol = new ChoiceLikelihoodProtocol(), Examples = 1 };

        var together = Evaluate();
        options.BatchTokens = 1;
        var alone = Evaluate();

        Assert.Equal(["astronomy", "world religions"], together.Tasks.Select(task => task.Task));
        Assert.All(together.Tasks.Zip(alone.Tasks), pair =>
        {
            Assert.Equal(pair.Second.Answers.SelectMany(answer => answer.LogLikelihoods!), pair.First.Answers.SelectMany(answer => answer.LogLikelihoods!));
            Assert.InRange(pair.First.TokenCount, 1, pair.Second.TokenCount / 2);
        });
        options.Protocol = new LikelihoodProtocol();
        Assert.Contains(nameof(ChoiceLikelihoodProtocol), Assert.Throws<InvalidOperationException>(Evaluate).Message, StringComparison.Ordinal);

        BenchmarkMetrics Evaluate() => _mlContext.MulticlassClassification.EvaluateBackbone(null, _folder.Path, options);
    }

    /// <summary>Subjects of two groups and one of somebody's own, of unlike sizes: mean of subjects, all questions and groups are three numbers.</summary>
    [Fact]
    public void AllQuestionsCountAlikeBesideTheMeanOfSubjects()
    {
        (string Subject, int Rows)[] subjects = [("astronomy", 9), ("college_physics", 2), ("world_religions", 5), ("knitting", 3)];
        foreach (var (subject, rows) in subjects)
            Write($"test/{subject}_test.csv", string.Concat(Enumerable.Range(0, rows).Select(i => $"Q{i}?,w,x,y,z,{i % 4}\n")));

        var metrics = Evaluate();

        Assert.Equal(metrics.Tasks.Average(task => task.Accuracy), metrics.AverageAccuracy, 1e-12);
        var correct = metrics.Tasks.Sum(task => task.Answers.Count(answer => answer.IsCorrect));
        Assert.Equal(correct / 19.0, metrics.AllQuestionsAccuracy, 1e-12);
        Assert.Equal([("humanities", 5), ("STEM", 11)], metrics.Groups.Select(group => (group.Name, group.RowCount)));
        Assert.All(metrics.Groups, group => Assert.Equal(
            group.Tasks.Sum(task => task.Answers.Count(answer => answer.IsCorrect)) / (double)group.RowCount, group.Accuracy, 1e-12));
        Assert.Contains("all questions", metrics.ToString(), StringComparison.Ordinal);
        Assert.Contains("| STEM (2 subjects) |", new BenchmarkReport([metrics]).ToMarkdown(), StringComparison.Ordinal);

        Assert.Equal(["astronomy", "college physics"], Evaluate("mmlu_stem").Tasks.Select(task => task.Task));
        Assert.Equal(["college physics", "knitting"], Evaluate("college_physics", "mmlu_knitting").Tasks.Select(task => task.Task));
        Assert.Contains("has no 'mmlu_other'", Assert.Throws<ArgumentException>(() => Evaluate("mmlu_other")).Message, StringComparison.Ordinal);

        BenchmarkMetrics Evaluate(params string[] tasks) => _mlContext.MulticlassClassification.EvaluateBackbone(
            null, _folder.Path,
            new BenchmarkOptions { Protocol = new ChoiceLikelihoodProtocol(), Examples = 0, Tasks = tasks.Length > 0 ? tasks : null });
    }

    private string Write(string name, string content)
    {
        var path = _folder.File(name);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, content);
        return path;
    }
}
