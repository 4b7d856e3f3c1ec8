using System.Text.Json;

namespace Microsoft.ML.Moka.Files;

/// <summary>JSON as transformers and PEFT write their configurations: fields in ordinal order, indented by two.</summary>
internal static class IndentedJson
{
    private static readonly JsonSerializerOptions Options = new() { WriteIndented = true, IndentSize = 2, NewLine = "\n" };

    public static byte[] Write(SortedDictionary<string, object?> fields) => JsonSerializer.SerializeToUtf8Bytes(fields, Options);
}
