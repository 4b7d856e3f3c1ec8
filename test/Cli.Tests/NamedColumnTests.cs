using System.Text.Json;
using Microsoft.ML.Data;

namespace Microsoft.ML.Moka.Cli.Tests;

/// <summary>Columns of files by name in the prompt, in training and afterwards.</summary>
public sealed class NamedColumnTests : IDisposable
{
    private const string Template = "City: {City}. Price: {Price}. {Text}\\nVerdict:";

    private static readonly (string City, string Price, string Text, string Label)[] Rows =
    [
        ("Bern", "950000", "near the river", "good"), ("Basel", "12.5", "old, small", "bad"), ("Bern", "1000000", "huge", "good"), ("Chur", "100", "", "bad"),
    ];

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Every_form_of_a_file_makes_the_same_model_and_is_predicted_and_evaluated_alike()
    {
        var csv = _folder.Write("rows.csv", "Label,City,Id,Price,Text\n" + string.Concat(Rows.Select((row, i) =>
            $"{row.Label},{row.City},{i},{row.Price},\"{row.Text}\"\n")));
        var tsv = _folder.Write("rows.tsv", "city\tprice\ttext\tlabel\n" + string.Concat(Rows.Select(row =>
            $"{row.City}\t{row.Price}\t{row.Text}\t{row.Label}\n")));
        var json = _folder.Write("rows.jsonl", string.Concat(Rows.Select(row =>
            $"{{\"Text\": {(row.Text.Length > 0 ? $"\"{row.Text}\"" : "null")}, \"Price\": {Json(row.Price)}, \"City\": \"{row.City}\", "
            + $"\"Label\": \"{row.Label}\"}}\n")));
        var expected = Adapter(csv);

        Assert.Equal(expected, Adapter(tsv));
        Assert.Equal(expected, Adapter(json));
        // The prompt is of the columns, and not of a text alone.
        Assert.NotEqual(expected, Adapter(csv, "{Text}\\nVerdict:"));
        Adapter(csv);
        var model = _folder.File("m.zip");

        var predicted = Tool.Run("predict", "--file", csv, "--model", model, "--json").Succeeded().Json;
        foreach (var file in (string[])[tsv, json])
            Assert.Equal(Probabilities(predicted), Probabilities(Tool.Run("predict", "--file", file, "--model", model, "--json").Succeeded().Json));
        var lines = Tool.Run(File.ReadAllText(json), ["predict", "--model", model, "--json"]).Succeeded().Json;
        Assert.Equal(Probabilities(predicted), Probabilities(lines));
        var row = Tool.Run("predict", "--row", """{"Price": 12.50, "text": "old, small", "CITY": "Basel"}""", "--model", model, "--json").Succeeded().Json;
        Assert.Equal(Probabilities(predicted)[1], Probabilities(row)[0]);
        Assert.Equal("Basel", predicted[1].GetProperty("row").GetProperty("City").GetString());
        var evaluated = Tool.Run("evaluate", csv, "--model", model, "--json").Succeeded().Out;
        Assert.Equal(evaluated, Tool.Run("evaluate", json, "--model", model, "--json").Succeeded().Out);
        Tool.Run("predict", "--file", csv, "--model", model, "--output", _folder.File("scored.csv")).Succeeded();
        Assert.Equal(
            ["Label", "City", "Id", "Price", "Text", "PredictedLabel", "Probability", "Score.good", "Score.bad"],
            Datasets.TableReader.Read(_folder.File("scored.csv")).Columns);

        string Adapter(string file, string template = Template)
        {
            Tool.Run("train", file, "--template", template, "--epochs", "1", "--output", _folder.File("m.zip")).Succeeded();
            Tool.Run("export", _folder.File("m.zip"), "--output", _folder.File("adapter")).Succeeded();
            return Convert.ToBase64String(File.ReadAllBytes(Path.Combine(_folder.File("adapter"), "adapter_model.safetensors")));
        }

        static string Json(string price) => price == "1000000" ? "1e6" : price == "12.5" ? "12.50" : price;
    }

    [Fact]
    public void The_command_that_training_ends_with_runs()
    {
        var file = _folder.Write("rows.csv", "City,Kind,Label\nSt. Gallen,it's $(new),good\nBern,old,bad\n");
        var model = _folder.File("m.zip");
        var run = Tool.Run("train", file, "--template", "{City}, {Kind}:", "--epochs", "1", "--output", model).Succeeded();

        var printed = run.Out.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)[^1];
        var words = printed.Split('\'');
        Assert.Equal(("Try it: moka predict --row ", 3), (words[0], words.Length));
        Assert.Equal("St. Gallen", JsonDocument.Parse(words[1]).RootElement.GetProperty("City").GetString());
        Tool.Run("predict", "--row", words[1], "--model", model).Succeeded();
    }

    /// <summary>A column that is called like what the tool adds keeps its name, and the others give way.</summary>
    [Fact]
    public void Columns_may_have_any_name()
    {
        var file = _folder.Write("rows.csv", "Label,Text,body,verdict\nbig,first,a text,good\nsmall,second,a word,bad\n");
        var model = _folder.File("m.zip");
        Tool.Run("train", file, "--template", "{Label} {Text}: {text}", "--text-column", "body", "--label-column", "verdict", "--epochs", "1", "--test", file,
            "--output", model).Succeeded();

        Assert.Equal(2, Tool.Run("evaluate", file, "--label-column", "verdict", "--model", model, "--json").Succeeded().Json[0].GetProperty("test")
            .GetProperty("rows").GetInt32());
        var json = Tool.Run("predict", "--row", """{"Label": "big", "Text": "first", "body": "a text"}""", "--model", model, "--json").Succeeded().Json[0];
        Assert.Equal(["bad", "good"], json.GetProperty("labels").EnumerateArray().Select(label => label.GetProperty("label").GetString()).Order());
    }

    /// <summary>A model of a program reads numbers and truth values as such; the tool gives it what files have.</summary>
    [Fact]
    public void A_program_s_model_of_several_columns_is_taken()
    {
        var context = new MLContext(seed: 1);
        var data = context.Data.LoadFromEnumerable(Enumerable.Range(0, 4).Select(i =>
            new Home { Price = i + 0.5f, Rooms = i, IsNew = i > 1, Unread = i, Label = i % 2 == 0 ? "a" : "b" }));
        // A column that no score depends on, and that the chain asks for all the same: files need not have it.
        using var model = context.Transforms.NormalizeMinMax("Scaled", "Price")
            .Append(context.Transforms.NormalizeMinMax("Unread"))
            .Append(context.MulticlassClassification.Trainers.Moka(
                new MokaTrainer.Options { PromptTemplate = new PromptTemplate("{Scaled} {Rooms} {IsNew}:"), NumberOfSteps = 1 })).Fit(data);
        context.Model.Save(model, data.Schema, _folder.File("own.zip"));
        var expected = model.Transform(data).GetColumn<float[]>("Score").ToList();

        var file = _folder.Write("rows.csv", "price,rooms,isnew,label\n0.5,0,false,a\n1.5,1,false,b\n2.5,2,true,a\n3.5,3,True,b\n");
        var found = Tool.Run("predict", "--file", file, "--model", _folder.File("own.zip"), "--json").Succeeded().Json;
        Assert.Equal(expected.Select(row => row.Max()), found.EnumerateArray().Select(row => row.GetProperty("probability").GetSingle()));
        var evaluated = Tool.Run("evaluate", file, "--model", _folder.File("own.zip"), "--json").Succeeded().Json[0];
        Assert.Equal(4, evaluated.GetProperty("test").GetProperty("rows").GetInt32());
        Tool.Run("predict", "--row", """{"Price": 1, "Rooms": 2, "IsNew": true}""", "--model", _folder.File("own.zip")).Succeeded();
        Tool.Run("predict", "--row", """{"Price": 1, "Rooms": "two", "IsNew": true}""", "--model", _folder.File("own.zip"))
            .Failed("line 1", "'Rooms' is 'two'");
    }

    [Fact]
    public void What_is_missing_or_makes_no_sense_is_said_with_what_there_is()
    {
        var file = _folder.Write("rows.csv", "City,Price,Text,Label\nBern,1,a,good\nBasel,2,b,bad\n");
        var model = _folder.File("m.zip");
        Tool.Run("train", file, "--template", "{Town} {Price} {Size}").WasRefused("{Town}, {Size}", "It has 'City', 'Price', 'Text', 'Label'");
        Tool.Run("train", file, "--template", "{City}: {label}").WasRefused("the column of labels");
        Tool.Run("train", file, "--template", "{City}", "--text-column", "Text").WasRefused("has no {text}");
        Tool.Run("train", file, "--template", "{City", "--output", model).WasRefused("of the template has n");
        Tool.Run("train", file, "--task", "generate", "--instruction-column", "Text", "--output-column", "City", "--template", "{Price} {instruction}")
            .WasRefused("{Price}", "--task classify");

        Tool.Run("train", file, "--template", "{City}, {Price}:", "--epochs", "1", "--output", model).Succeeded();
        Tool.Run("predict", "Bern", "--model", model).WasRefused("'City', 'Price'", "--row '{\"City\": \"…\", \"Price\": \"…\"}'");
        Tool.Run("predict", "--row", "{\"City\": \"Bern\"}", "--model", model).Failed("no column 'Price'", "It has 'City'");
        Tool.Run("predict", "--row", "{\"City\": ", "--model", model).Failed("--row", "not valid JSON");
        Tool.Run("predict", "--row", "[]", "--model", model).WasRefused("has no row");
        Tool.Run("predict", "--row", "{}", "--file", file, "--model", model).WasRefused("two sources");
        Tool.Run("predict", "--file", file, "--text-column", "Text", "--model", model).WasRefused("by their names");
        Tool.Run("evaluate", _folder.Write("other.csv", "City,Label\nBern,good\n"), "--model", model).Failed("no column 'Price'");
    }

    private static List<float> Probabilities(JsonElement rows) =>
        [.. rows.EnumerateArray().Select(row => row.GetProperty("labels")[0].GetProperty("probability").GetSingle())];

    private sealed class Home
    {
        public float Price { get; set; }

        public int Rooms { get; set; }

        public bool IsNew { get; set; }

        public float Unread { get; set; }

        public string Label { get; set; } = "";
    }
}
