using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.ML.Moka;

namespace CompareAdapters;

/// <summary>How results are written: infinite losses as names, a design as what it comes to.</summary>
internal static class ResultJson
{
    public static JsonSerializerOptions Options { get; } = new(JsonSerializerDefaults.Web)
    {
        WriteIndented = true,
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
        Converters = { new DesignConverter() },
    };

    private sealed class DesignConverter : JsonConverter<AdapterDesign>
    {
        public override AdapterDesign Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
            throw new NotSupportedException("Designs are written, not read.");

        public override void Write(Utf8JsonWriter writer, AdapterDesign value, JsonSerializerOptions options)
        {
            writer.WriteStartObject();
            writer.WriteString("options", value.ToString().Split('\n', 2)[0].TrimEnd());
            writer.WriteNumber("trainableParameters", value.TrainableParameterCount);
            writer.WriteNumber("smallestRank", value.SmallestRank);
            writer.WriteNumber("operationsPerToken", value.OperationsPerToken);
            writer.WriteEndObject();
        }
    }
}
