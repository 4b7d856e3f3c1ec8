using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.ML.Moka.Evaluation;
using Microsoft.ML.Moka.Evaluation.Reports;
using Microsoft.ML.Moka.Files;
using Microsoft.ML.Moka.Tests.Evaluation.Reports;
using Microsoft.ML.Moka.Tests.Training;
using Microsoft.ML.Moka.Training;

namespace Microsoft.ML.Moka.Tests.Files;

/// <summary>
/// JSON is written by hand or by generated code, where earlier versions had the serializer look at the types: to the byte as it would write it, for
/// fingerprints and files of earlier versions go on to be read.
/// </summary>
public sealed class GeneratedJsonTests
{
    /// <summary>Checkpoints of runs with these options are to be resumed; another option in the plan makes another one.</summary>
    private const string EarlierFingerprint = "F21378F5C7475BB88E33B05D21B8E02E15A0D9EA198A7CCFC0";

    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true, IndentSize = 2, NewLine = "\n" };

    private static readonly JsonSerializerOptions Lines = new(JsonSerializerDefaults.Web) { DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull };

    private static readonly JsonSerializerOptions Readable = new(JsonSerializerDefaults.Web)
    {
        WriteIndented = true,
        IndentSize = 1,
        NewLine = "\n",
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    [Fact]
    public void Fields_of_every_kind()
    {
        var fields = new SortedDictionary<string, object?>(StringComparer.Ordinal)
        {
            ["a \"key\" <é>"] = "text with \"quotes\", <tags>, 日本 and \u2028",
            ["b"] = null,
            ["c"] = true,
            ["d"] = int.MinValue,
            ["e"] = long.MaxValue,
            ["f"] = 0.1f,
            ["g"] = 1e-7,
            ["h"] = 6.0m,
            ["i"] = (int[])[1, 2],
            ["j"] = Array.Empty<string>(),
            ["k"] = Enumerable.Range(1, 2).Select(i => (int[])[i, i]),
            ["l"] = new SortedDictionary<string, object?>(StringComparer.Ordinal) { ["inner"] = new List<string?> { "x", null } },
            ["m"] = new Dictionary<string, string> { ["z"] = "1", ["a"] = "2" },
            ["n"] = new SortedDictionary<string, object?>(StringComparer.Ordinal),
            ["o"] = 1e21f,
            ["p"] = -0.0,
            ["q"] = JsonDocument.Parse("""{"read": [1.50, "é", {"b": null}]}""").RootElement,
        };
        Assert.Equal(JsonSerializer.Serialize(fields, Indented), Encoding.UTF8.GetString(IndentedJson.Write(fields)));
    }

    [Fact]
    public void What_has_no_form_is_refused()
    {
        var error = Assert.Throws<ArgumentException>(() => IndentedJson.Write(new(StringComparer.Ordinal) { ["a"] = DateTime.UnixEpoch }));
        Assert.Contains("System.DateTime", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_runs_fingerprint_is_that_of_earlier_versions()
    {
        using var run = new TinyRun();
        var model = new TrainedModel(run.Backbone, run.Adapters);
        Assert.StartsWith(EarlierFingerprint, TrainingCheckpoint.Fingerprint(TinyRun.Plan, model, TinyRun.Examples(3), null), StringComparison.Ordinal);
    }

    [Fact]
    public void A_plan_and_a_state()
    {
        var plan = TinyRun.Plan with { EarlyStoppingPatience = 3, FinalFraction = 0.1 };
        Assert.Equal(JsonSerializer.Serialize(plan), JsonSerializer.Serialize(plan, TrainingJson.Default.TrainingPlan));

        var state = new TrainingState { BestLoss = 0.25, Finished = StopReason.EarlyStopped }.AfterStep(new BatchPlace(2, 5), 1.5, 77, isLookDue: true);
        var json = JsonSerializer.Serialize(state, TrainingJson.Default.TrainingState);
        Assert.Equal(JsonSerializer.Serialize(state), json);
        Assert.Equal(state, JsonSerializer.Deserialize(json, TrainingJson.Default.TrainingState));
    }

    [Theory]
    [InlineData("{text} <is>", " ", null)]
    [InlineData("Naïve “{text}”\n日本", "", "{{no}} {instruction}")]
    public void A_template(string text, string answerPrefix, string? textWithoutInput)
    {
        var template = new PromptTemplate(text, answerPrefix, textWithoutInput);
        Assert.Equal(
            JsonSerializer.Serialize(new { Text = text, AnswerPrefix = answerPrefix, TextWithoutInput = textWithoutInput }), template.ToString());
        var read = PromptTemplate.FromString(template.ToString());
        Assert.Equal((text, answerPrefix, textWithoutInput), (read.Text, read.AnswerPrefix, read.TextWithoutInput));
    }

    [Fact]
    public void Answers_and_what_determines_them()
    {
        var batch = new AnsweredBatch("PIQA", 3, 1.25, 400, [.. MadeUp.Answers("10-"), MadeUp.Likeliest(0, 1, 0.7) with { IsCorrectNormalized = true }]);
        Assert.Equal(JsonSerializer.Serialize(batch, Lines), JsonSerializer.Serialize(batch, ResultsJson.Default.AnsweredBatch));
        var header = new ResultsHeader("f", new SortedDictionary<string, string> { ["Prompt"] = "<ä>", ["a"] = "b" });
        Assert.Equal(JsonSerializer.Serialize(header, Lines), JsonSerializer.Serialize(header, ResultsJson.Default.ResultsHeader));
    }

    [Fact]
    public void A_report()
    {
        var content = ReportContent.Of(
            [MadeUp.Metrics("tuned", MadeUp.Task("BoolQ", MadeUp.Answers("1101110-")), MadeUp.Task("PIQA <é>", MadeUp.Answers("0001")))], new(),
            DateTimeOffset.UnixEpoch);
        Assert.Equal(JsonSerializer.Serialize(content, Readable) + "\n", ReportJson.Write(content));
    }
}
