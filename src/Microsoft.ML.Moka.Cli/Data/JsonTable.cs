using System.Text.Json;
using Microsoft.ML.Moka.Files;

namespace Microsoft.ML.Moka.Cli.Data;

/// <summary>JSON objects as rows: an array of them, or one a line. Values that are no text are taken as they are written.</summary>
internal static class JsonTable
{
    public static Table Read(string path, byte[] content)
    {
        var columns = new List<string>();
        var objects = new List<(int Line, Dictionary<string, string?> Values)>();
        using var stream = new MemoryStream(content);
        foreach (var row in JsonRows.Read(stream, path))
        {
            var values = new Dictionary<string, string?>(StringComparer.Ordinal);
            foreach (var property in row.Element.EnumerateObject())
            {
                if (!columns.Contains(property.Name))
                    columns.Add(property.Name);
                values.Add(property.Name, property.Value.ValueKind switch
                {
                    JsonValueKind.Null => null,
                    JsonValueKind.String => row.Fields.Text(property.Name),
                    _ => property.Value.GetRawText(),
                });
            }
            objects.Add(((int)row.Line, values));
        }
        var rows = objects.Select(row => new TableRow(row.Line, [.. columns.Select(column => row.Values.GetValueOrDefault(column))])).ToList();
        var isArray = content.AsSpan().TrimStart(" \t\r\n"u8).StartsWith((byte)'[');
        return new Table(path, columns, rows, new TableFormat(null, !isArray));
    }
}
