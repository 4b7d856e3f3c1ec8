using System.Text;
using Microsoft.ML.Data;
using Microsoft.ML.Moka.Evaluation.Benchmarks;
using Microsoft.ML.Moka.Files;

namespace Microsoft.ML.Moka.Tests.Evaluation;

public sealed class BenchmarkFileTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly MLContext _mlContext = new();

    public static TheoryData<string> MaterialTasks => [.. Material.Folders("benchmarks")];

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void RowsOfLlmAdaptersHaveTheCandidatesOfTheirAnswerFormat()
    {
        var path = Write("""
            [{"instruction": "Which?\n\nAnswer format: answer1/answer2/answer3", "input": "", "output": "the correct answer is answer3", "answer": "answer3"},
             {"instruction": "Is it?\n\nAnswer format: true/false", "output": "the correct answer is true"}]
            """);

        var rows = BenchmarkFile.ReadInstructions(path, null).ToList();

        Assert.Equal(["answer1", "answer2", "answer3"], rows[0].Candidates);
        Assert.Equal(["answer3", "true"], rows.Select(row => row.Label));
        Assert.Equal("the correct answer is true", rows[1].Output);
    }

    [Theory]
    [InlineData("""[{"instruction": "Which?\n\nAnswer format: a/b", "answer": "a"}, 5]""", "line 1 (row 2)")]
    [InlineData("[\n{\"instruction\": \"Which?\\n\\nAnswer format: a/b\", \"answer\": \"a\"},\n\n{\"instruction\": \"Which?\", \"answer\": \"a\"}]",
        "line 4 (row 2): the field 'instruction' does not end")]
    [InlineData("[\n{\"instruction\": \"Which?\\n\\nAnswer format: a/b\", \"answer\": \"c\"}]", "line 2 (row 1): the field 'answer' is 'c'")]
    [InlineData(
        "{\"instruction\": \"Which?\\n\\nAnswer format: a/b\", \"answer\": \"a\"}\n{\"answer\": \"a\"}", "line 2 (row 2): the field 'instruction' is missing")]
    [InlineData("[\n{\"instruction\": 3}]", "line 2 (row 1): the field 'instruction' must be a text; found 3")]
    [InlineData("[\n{\"instruction\": \"\\ud800\"}]", "line 2 (row 1): the field 'instruction' is no well-formed text")]
    [InlineData("[\n\n{\"instruction\": ", "line 3")]
    [InlineData("[] {}", "nothing may follow")]
    [InlineData("[\n{\"instruction\": \"a\",\n\"instruction\": \"b\"}]", "this is not valid JSON")]
    [InlineData("[\n[1]]", "line 2 (row 1): a row must be an object with fields; found an array")]
    [InlineData("hello", "line 1")]
    public void ABadRowIsReportedWithFileAndLine(string content, string message)
    {
        var path = Write(content);

        var error = Assert.Throws<InvalidDataException>(() => BenchmarkFile.ReadInstructions(path, null).Where(row => row.Label == "").ToList());

        Assert.Contains(path, error.Message, StringComparison.Ordinal);
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void AnAnswerWordOfAnotherTaskIsRefused()
    {
        var path = Write("""{"instruction": "Which?\n\nAnswer format: ending1/ending2", "answer": "ending1"}""");

        Assert.Contains("PIQA", Assert.Throws<InvalidDataException>(() => BenchmarkFile.ReadInstructions(path, BenchmarkTask.Piqa).ToList()).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void AnEmptyFileHasNoRows()
    {
        Assert.Empty(JsonRows.Read(Write("")));
        Assert.Empty(JsonRows.Read(Write(" [ ] \n")));
    }

    [Fact]
    public void AFileIsNotReadWhole()
    {
        var path = _folder.File("large.json");
        using (var writer = new StreamWriter(path))
        {
            writer.Write('[');
            for (var i = 0; i < 40_000; i++)
                writer.Write($$"""{{(i == 0 ? "" : ",\n")}}{"instruction": "{{new string('x', 1000)}}", "input": "{{i}}"}""");
            writer.Write(']');
        }

        // The memory of the whole process says nothing: other tests run meanwhile.
        var before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Equal("0", JsonRows.Read(path).First().Fields.Text("input"));
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 4 << 20);
        Assert.Equal("39999", JsonRows.Read(path).Last().Fields.Text("input"));
    }

    [Fact]
    public void ARowWithoutAnEndIsRefusedBeforeItFillsTheMemory()
    {
        var path = _folder.File("endless.json");
        using (var stream = File.Create(path))
        {
            stream.Write("[{\"instruction\": \""u8);
            var chunk = Encoding.ASCII.GetBytes(new string('x', 1 << 20));
            for (var i = 0; i < 20; i++)
                stream.Write(chunk);
        }

        Assert.Contains("bytes at most", Assert.Throws<InvalidDataException>(() => JsonRows.Read(path).ToList()).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void LongAndShortRowsMayMixAndAByteOrderMarkMayComeFirst()
    {
        var path = _folder.File("mixed.json");
        int[] lengths = [1, 70_000, 2, 300_000, 65_000, 3];
        File.WriteAllText(
            path, "[" + string.Join(",\n", lengths.Select(length => $$"""{"text": "{{new string('é', length)}}"}""")) + "]", new UTF8Encoding(true));

        var rows = JsonRows.Read(path).ToList();

        Assert.Equal(lengths, rows.Select(row => row.Fields.Text("text").Length));
        Assert.Equal([1, 2, 3, 4, 5, 6], rows.Select(row => (int)row.Line));
    }

    [Theory]
    [InlineData("BoolQ", """{"question": "is it so", "passage": "It is.", "answer": true}""", "It is.\nQuestion: is it so?\nAnswer:", "yes|no", 0,
        "Please answer the following question with true or false, question: is it so?\n\nAnswer format: true/false", "true")]
    [InlineData("PIQA", """{"goal": "Boil it", "sol1": "a pot", "sol2": "a hat", "label": 1}""", "Question: Boil it\nAnswer:", "a pot|a hat", 1,
        "Please choose the correct solution to the question: Boil it\n\nSolution1: a pot\n\nSolution2: a hat\n\nAnswer format: solution1/solution2",
        "solution2")]
    [InlineData(
        "SIQA", """{"context": "A ran.", "question": "Why?", "answerA": "x", "answerB": "y", "answerC": "z", "label": "3"}""", "Q: A ran. Why?\nA:", "x|y|z", 2,
        "Please choose the correct answer to the question: A ran. Why?\n\nAnswer1: x Answer2: y Answer3: z\n\nAnswer format: answer1/answer2/answer3",
        "answer3")]
    [InlineData(
        "HellaSwag",
        """{"activity_label": "Roof", "ctx_a": "He [header] sits [title] up.", "ctx_b": "he", "endings": ["a [step] b", "c", "d", "e"], "label": "0"}""",
        "Roof: He sits. up. He", "a b|c|d|e", 0,
        "Please choose the correct ending to complete the given sentence: Roof: He sits. up. He\n\nEnding1: a b Ending2: c Ending3: d Ending4: " +
        "e\n\nAnswer format: ending1/ending2/ending3/ending4", "ending1")]
    [InlineData("WinoGrande", """{"sentence": "A saw B so _ left.", "option1": "A", "option2": "B", "answer": "2"}""", "A saw B so _ left.", "A|B", 1,
        "Please choose the correct answer to fill in the blank to complete the given sentence: A saw B so _ left.\n\nOption1: A Option2: B Answer format: " +
        "option1/option2", "option2")]
    [InlineData("ARC-e", """{"question": {"stem": "Why?", "choices": [{"text": "p", "label": "1"}, {"text": "q", "label": "2"}]}, "answerKey": "2"}""",
        "Question: Why?\nAnswer:", "p|q", 1,
        "Please choose the correct answer to the question: Why?\n\nAnswer1: p Answer2: q\n\nAnswer format: answer1/answer2", "answer2")]
    [InlineData("ARC-c", """{"question": "Why?", "choices": {"text": ["p", "q", "r"], "label": ["A", "B", "C"]}, "answerKey": "C"}""",
        "Question: Why?\nAnswer:", "p|q|r", 2,
        "Please choose the correct answer to the question: Why?\n\nAnswer1: p Answer2: q Answer3: r\n\nAnswer format: answer1/answer2/answer3", "answer3")]
    [InlineData("OBQA", """{"question_stem": "The sun", "choices": {"text": ["p", "q"], "label": ["A", "B"]}, "answerKey": "A"}""", "The sun", "p|q", 0,
        "Please choose the correct answer to the question: The sun\n\nAnswer1: p Answer2: q\n\nAnswer format: answer1/answer2", "answer1")]
    public void TheTasksOwnFormsBecomeBothPrompts(string task, string json, string prompt, string choices, int label, string instruction, string word)
    {
        var path = Write(json);

        var choice = Assert.Single(BenchmarkFile.ReadChoices(path, BenchmarkTask.Find(task)!));
        var row = Assert.Single(BenchmarkFile.ReadInstructions(path, BenchmarkTask.Find(task)!));

        Assert.Equal(prompt, choice.Text);
        Assert.Equal(choices.Split('|'), choice.Candidates);
        Assert.Equal(label, choice.LabelIndex);
        Assert.Equal(instruction, row.Instruction);
        Assert.Equal(word, row.Label);
        Assert.Equal($"the correct answer is {word}", row.Output);
    }

    [Theory]
    [InlineData("PIQA", """{"goal": "g", "sol1": "a", "sol2": "b", "label": 2}""", "from 0 to 1; found '2'")]
    [InlineData("PIQA", """{"goal": "g", "sol1": "a", "sol2": "b"}""", "'label' is missing")]
    [InlineData("BoolQ", """{"question": "q", "answer": "maybe"}""", "true or false; found 'maybe'")]
    [InlineData("ARC-e", """{"question": "q", "choices": {"text": ["a", "b"], "label": ["A", "B"]}, "answerKey": "C"}""", "'answerKey' is 'C'")]
    [InlineData("ARC-e", """{"question": "q", "choices": {"text": ["a", "b"], "label": ["A"]}, "answerKey": "A"}""", "2 texts and 1 labels")]
    [InlineData("HellaSwag", """{"activity_label": "a", "ctx": "c", "endings": "e", "label": 0}""", "'endings' must be a list of texts")]
    public void ABadRowOfATasksOwnFormIsReported(string task, string json, string message) => Assert.Contains(
        message, Assert.Throws<InvalidDataException>(() => BenchmarkFile.ReadChoices(Write(json), BenchmarkTask.Find(task)!).ToList()).Message,
        StringComparison.Ordinal);

    [Theory(SkipTestWithoutData = true)]
    [Trait("Category", "Material")]
    [MemberData(nameof(MaterialTasks))]
    public void EveryPublishedInstructionIsTakenApartAndPutTogetherAgain(string folder)
    {
        var task = BenchmarkTask.Find(folder)!;
        foreach (var path in Directory.GetFiles(Material.Require($"benchmarks/{folder}"), "*.json"))
        {
            foreach (var row in BenchmarkFile.ReadInstructions(path, task))
            {
                var again = LlmAdaptersForm.Render(task, LlmAdaptersForm.Parse(task, row)!);
                Assert.Equal(row.Instruction, again.Instruction);
                Assert.Equal(row.Output, again.Output);
            }
        }
    }

    [Theory(SkipTestWithoutData = true)]
    [Trait("Category", "Material")]
    [MemberData(nameof(MaterialTasks))]
    public void PublishedTestSetsHaveTheirCounts(string folder)
    {
        var path = Path.Combine(Material.Require($"benchmarks/{folder}"), "test.json");
        Assert.SkipUnless(File.Exists(path), "The material has only a part of this test set.");

        var data = _mlContext.Data.LoadBenchmark(path, requirePublishedCounts: true);

        Assert.Equal(BenchmarkTask.Find(folder)!.TestRowCount, _mlContext.Data.CreateEnumerable<BenchmarkRow>(data, reuseRowObject: true).Count());
    }

    [Fact]
    public void OtherCountsThanThePublishedOnesAreRefusedWhereTheyAreRequired()
    {
        Directory.CreateDirectory(_folder.File("boolq"));
        var path = Write("""{"instruction": "Is it?\n\nAnswer format: true/false", "answer": "true"}""", "boolq/test.json");
        var data = _mlContext.Data;

        Assert.Single(data.CreateEnumerable<BenchmarkRow>(data.LoadBenchmark(path), reuseRowObject: false));
        Assert.Contains(
            "3,270", Assert.Throws<InvalidDataException>(() => data.LoadBenchmark(path, requirePublishedCounts: true)).Message, StringComparison.Ordinal);
        var counts = BenchmarkTask.BoolQ.TestLabelCounts.ToDictionary();
        Assert.Null(PublishedCounts.Difference(BenchmarkTask.BoolQ, 3270, counts));
        (counts["true"], counts["false"]) = (2032, 1238);
        Assert.Contains("2,032 times 'true' (published: 2,033)", PublishedCounts.Difference(BenchmarkTask.BoolQ, 3270, counts), StringComparison.Ordinal);
    }

    [Fact]
    public void AViewOfAFileHasSeveralCursorsAtATime()
    {
        var path = Write("""
            [{"instruction": "Which?\n\nAnswer format: a/b", "answer": "a"}, {"instruction": "Who?\n\nAnswer format: a/b/c", "answer": "c"}]
            """);
        var data = _mlContext.Data.LoadBenchmark(path);
        var label = data.Schema["Label"];
        using var first = data.GetRowCursor([label]);
        using var second = data.GetRowCursor([label, data.Schema["Candidates"]]);
        Assert.True(first.MoveNext() && first.MoveNext() && second.MoveNext());

        Assert.Equal(("c", "a"), (Read(first), Read(second)));
        var candidates = default(VBuffer<ReadOnlyMemory<char>>);
        second.GetGetter<VBuffer<ReadOnlyMemory<char>>>(data.Schema["Candidates"])(ref candidates);
        Assert.Equal(["a", "b"], candidates.DenseValues().Select(value => value.ToString()));
        Assert.False(first.MoveNext());

        string Read(DataViewRow row)
        {
            var value = default(ReadOnlyMemory<char>);
            row.GetGetter<ReadOnlyMemory<char>>(label)(ref value);
            return value.ToString();
        }
    }

    [Fact]
    [Trait("Category", "Material")]
    public void InstructionsInAlpacasFormAreRead()
    {
        var data = _mlContext.Data.LoadInstructions(Material.Require("instruct/alpaca_en_demo.json"));

        Assert.Equal(999,
            _mlContext.Data.CreateEnumerable<InstructionRow>(data, reuseRowObject: true).Count(row => row.Instruction.Length > 0 && row.Output.Length > 0));
    }

    private string Write(string content, string name = "rows.json")
    {
        var path = _folder.File(name);
        File.WriteAllText(path, content);
        return path;
    }
}
