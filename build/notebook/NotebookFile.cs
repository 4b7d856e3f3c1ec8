using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Microsoft.ML.Moka.Notebook;

/// <summary>Reads and writes notebooks in nbformat 4.5.</summary>
internal static class NotebookFile
{
    private const string Text = "text/plain";

    private static readonly JsonSerializerOptions Options = new()
    {
        WriteIndented = true,
        IndentSize = 1,
        NewLine = "\n",
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    public static string Write(IReadOnlyList<Cell> cells)
    {
        var count = 0;
        var notebook = new JsonObject
        {
            ["cells"] = new JsonArray([.. cells.Select(cell => WriteCell(cell, cell.IsCode ? ++count : 0))]),
            ["metadata"] = new JsonObject
            {
                ["kernelspec"] = new JsonObject { ["display_name"] = ".NET (C#)", ["language"] = "C#", ["name"] = ".net-csharp" },
                ["language_info"] = new JsonObject
                {
                    ["file_extension"] = ".cs",
                    ["mimetype"] = "text/x-csharp",
                    ["name"] = "C#",
                    ["pygments_lexer"] = "csharp",
                },
            },
            ["nbformat"] = 4,
            ["nbformat_minor"] = 5,
        };
        return notebook.ToJsonString(Options) + "\n";
    }

    public static List<Cell> Read(string json)
    {
        var notebook = JsonNode.Parse(json)!;
        return [.. notebook["cells"]!.AsArray().Select(cell => ReadCell(cell!))];
    }

    private static JsonObject WriteCell(Cell cell, int number)
    {
        var node = new JsonObject
        {
            ["cell_type"] = cell.IsCode ? "code" : "markdown",
            ["id"] = cell.Id,
            ["metadata"] = cell.IsExact ? new JsonObject { ["tags"] = new JsonArray("exact") } : new JsonObject(),
            ["source"] = Lines(cell.Source),
        };
        if (!cell.IsCode)
            return node;
        node["execution_count"] = number;
        node["outputs"] = new JsonArray([.. cell.Outputs.Select(output => WriteOutput(output, number))]);
        return node;
    }

    private static JsonObject WriteOutput(Output output, int number)
    {
        if (output.Kind == "stream")
            return new JsonObject { ["output_type"] = "stream", ["name"] = "stdout", ["text"] = Lines(output.Data[Text]) };
        var node = new JsonObject
        {
            ["output_type"] = output.Kind,
            ["data"] = new JsonObject(output.Data.Select(form => KeyValuePair.Create<string, JsonNode?>(form.Key, Lines(form.Value)))),
            ["metadata"] = new JsonObject(),
        };
        if (output.Kind == "execute_result")
            node["execution_count"] = number;
        return node;
    }

    private static Cell ReadCell(JsonNode node)
    {
        var cell = new Cell(
            (string?)node["cell_type"] == "code", Join(node["source"]), node["metadata"]?["tags"]?.AsArray().Any(tag => (string?)tag == "exact") ?? false);
        foreach (var output in node["outputs"]?.AsArray() ?? [])
        {
            var read = new Output((string)output!["output_type"]!);
            if (read.Kind == "stream")
                read.Data[Text] = Join(output["text"]);
            foreach (var (type, value) in output["data"]?.AsObject() ?? [])
                read.Data[type] = Join(value);
            cell.Outputs.Add(read);
        }
        return cell;
    }

    /// <summary>nbformat's multiline string: the lines, each with its line end.</summary>
    private static JsonArray Lines(string text)
    {
        var lines = text.Split('\n');
        return new JsonArray(
            [.. lines.Select((line, i) => i < lines.Length - 1 ? line + "\n" : line).Where(line => line.Length > 0).Select(line => (JsonNode?)line)]);
    }

    private static string Join(JsonNode? node) => node switch
    {
        JsonArray lines => string.Concat(lines.Select(line => (string?)line)),
        null => "",
        _ => (string)node!,
    };
}
