using System.Text.Json;

namespace Microsoft.ML.Moka.Cli.Tests;

/// <summary>Any number of labels of a text, from a file to the scored file.</summary>
public sealed class MultiLabelTests : IDisposable
{
    private static readonly (string Text, string[] Labels)[] Rows =
    [
        ("the parcel is late", ["late"]), ("the parcel is late and broken", ["late", "broken"]), ("all is well", []), ("a broken cup", ["broken"]),
        ("broken and wrong", ["broken", "wrong"]), ("the wrong colour", ["wrong"]), ("late, late", ["late"]), ("fine", []),
    ];

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Labels_are_trained_predicted_evaluated_and_inspected()
    {
        var (file, model) = (_folder.Write("rows.csv", Csv(";")), _folder.File("model.zip"));
        var run = Tool.Run("train", file, "--multi-label", "--epochs", "30", "--class-weights", "balanced", "--threshold", "0.6", "--test", file, "--output",
            model, "--json").Succeeded();
        Assert.True(run.Json.GetProperty("test").GetProperty("microF1").GetDouble() > 0.9, run.Out);

        var evaluated = Tool.Run("evaluate", file, "--model", model, "--json").Succeeded().Json[0].GetProperty("test");
        Assert.True(JsonElement.DeepEquals(run.Json.GetProperty("test"), evaluated), run.Out);
        var shown = Tool.Run("evaluate", file, "--model", model).Succeeded().Out;
        Assert.Contains("precision", shown, StringComparison.Ordinal);
        Assert.Contains("wrong", shown, StringComparison.Ordinal);

        var predicted = Tool.Run("predict", "--file", file, "--model", model, "--json").Succeeded().Json;
        foreach (var (row, told) in Rows.Zip(predicted.EnumerateArray()))
        {
            Assert.Equal(row.Text, told.GetProperty("text").GetString());
            Assert.False(told.TryGetProperty("label", out _));
            var applying = told.GetProperty("labels").EnumerateArray().Where(label => label.GetProperty("probability").GetSingle() > 0.6f)
                .Select(label => label.GetProperty("label").GetString());
            Assert.Equal(applying, told.GetProperty("applying").EnumerateArray().Select(label => label.GetString()));
        }
        var lines = Tool.Run("predict", "--file", file, "--model", model).Succeeded().Out.Split('\n');
        Assert.StartsWith("none\t", lines[2], StringComparison.Ordinal);
        Assert.Contains("applies", Tool.Run("predict", Rows[0].Text, "--model", model).Succeeded().Out, StringComparison.Ordinal);

        Tool.Run("predict", "--file", file, "--model", model, "--output", _folder.File("scored.csv")).Succeeded();
        var table = Datasets.TableReader.Read(_folder.File("scored.csv"));
        Assert.Equal(["text", "labels", "PredictedLabel", "Probability.broken", "Probability.late", "Probability.wrong"], table.Columns);
        Assert.Equal(["broken", "late"], table.Rows[1].Values[2]!.Split(';').Order());
        // What was predicted is read as labels again.
        Tool.Run("evaluate", _folder.File("scored.csv"), "--label-column", "PredictedLabel", "--text-column", "text", "--model", model).Succeeded();

        var inspected = Tool.Run("inspect", model, "--json").Succeeded().Json.GetProperty("model");
        Assert.Equal("multi-label classifier", inspected.GetProperty("kind").GetString());
        Assert.Equal(["broken", "late", "wrong"], inspected.GetProperty("labels").EnumerateArray().Select(label => label.GetString()));
    }

    [Fact]
    public void All_forms_of_the_labels_make_the_same_model()
    {
        var csv = Adapter(_folder.Write("a.csv", Csv(";")));
        Assert.Equal(csv, Adapter(_folder.Write("b.csv", Csv(" | ")), "--label-separator", "|"));
        Assert.Equal(csv, Adapter(_folder.Write("c.jsonl", string.Concat(Rows.Select(row =>
            $"{{\"text\": \"{row.Text}\", \"labels\": [{string.Join(", ", row.Labels.Select(label => $"\"{label}\""))}]}}\n")))));
        var tabs = "text\tTags\n" + string.Concat(Rows.Select(row => $"{row.Text}\t{string.Join(';', row.Labels)}\n"));
        Assert.Equal(csv, Adapter(_folder.Write("d.tsv", tabs), "--label-column", "tags"));
        Assert.NotEqual(csv, Adapter(_folder.File("a.csv"), "--class-weights", "balanced"));

        string Adapter(string file, params string[] args)
        {
            Tool.Run(["train", file, "--multi-label", "--epochs", "1", "--output", _folder.File("m.zip"), .. args]).Succeeded();
            Tool.Run("export", _folder.File("m.zip"), "--output", _folder.File("adapter")).Succeeded();
            return Convert.ToBase64String(File.ReadAllBytes(Path.Combine(_folder.File("adapter"), "adapter_model.safetensors")));
        }
    }

    [Fact]
    public void What_makes_no_sense_is_refused()
    {
        var file = _folder.Write("rows.csv", Csv(";"));
        Tool.Run("train", file, "--multi-label", "--head", "words").WasRefused("--head is words");
        Tool.Run("train", file, "--label-column", "labels", "--threshold", "0.4").WasRefused("--threshold is for --multi-label");
        Tool.Run("train", file, "--label-column", "labels", "--label-separator", ",").WasRefused("--label-separator is for rows of several labels");
        Tool.Run("train", file, "--multi-label", "--label-separator", "").WasRefused("--label-separator is empty");
        Tool.Run("train", file, "--multi-label", "--task", "generate").WasRefused("--multi-label is for --task classify");
        Tool.Run("train", _folder.Write("python.csv", "text,label\na,\"['late', 'broken']\"\n"), "--multi-label").Failed("line 2", "no list of texts");
        Tool.Run("train", _folder.Write("objects.jsonl", "{\"text\": \"a\", \"label\": [{\"a\": 1}]}\n"), "--multi-label").Failed("line 1", "no list of texts");
        Tool.Run("train", _folder.Write("none.csv", "text,label\na,\nb,\n"), "--multi-label", "--output", _folder.File("m.zip")).Failed("no row has a label");
    }

    private static string Csv(string separator) =>
        "text,labels\n" + string.Concat(Rows.Select(row => $"\"{row.Text}\",{string.Join(separator, row.Labels)}\n"));
}
