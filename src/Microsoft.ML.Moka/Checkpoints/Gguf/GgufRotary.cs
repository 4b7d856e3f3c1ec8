using System.Text.Json;

namespace Microsoft.ML.Moka.Checkpoints.Gguf;

/// <summary>The rotary embedding of a GGUF as <c>rope_theta</c> and <c>rope_scaling</c>.</summary>
internal static class GgufRotary
{
    private const string TypeKey = "rope.scaling.type";
    private const string FactorKey = "rope.scaling.factor";
    private const string OldFactorKey = "rope.scale_linear";
    private const string OriginalKey = "rope.scaling.original_context_length";
    private const string AttentionKey = "rope.scaling.attn_factor";
    private const string OtherAttentionKey = "rope.scaling.yarn_attn_factor";
    private const string FastKey = "rope.scaling.yarn_beta_fast";
    private const string SlowKey = "rope.scaling.yarn_beta_slow";

    /// <summary>What is read here, under the architecture's name; "finetuned" only tells where the factor comes from.</summary>
    public static readonly IReadOnlyList<string> Keys =
        [TypeKey, FactorKey, OldFactorKey, OriginalKey, AttentionKey, OtherAttentionKey, FastKey, SlowKey, "rope.scaling.finetuned"];

    public static void Write(Utf8JsonWriter json, GgufModel model, int headWidth)
    {
        var metadata = model.Metadata;
        var type = metadata.Text(Key(TypeKey), "linear");
        // A factor of 0 means none.
        var factor = Number(FactorKey, 0, Number(OldFactorKey, 0, 1)) is var found && found == 0 ? 1 : found;
        if (model.RotaryDivisors is { } divisors)
        {
            if (type is not ("none" or "linear"))
                throw metadata.Error(Key(TypeKey),
                    $"is '{type}', and there is a tensor '{GgufNames.RotaryDivisors}' as well; only one of the two is supported");
            WriteDivisors(json, model, divisors, type == "linear" ? factor : 1, headWidth);
        }
        else
        {
            switch (type)
            {
                case "none":
                    break;
                case "linear":
                    if (factor != 1)
                        WriteScaling("linear", () => { });
                    break;
                case "yarn":
                    WriteScaling("yarn", WriteYarn);
                    break;
                default:
                    throw metadata.Error(Key(TypeKey), $"is '{type}'; there are none, linear and yarn");
            }
        }
        json.WriteNumber("rope_theta", (float)metadata.Number(Key("rope.freq_base"), 1, 1e15, 10000));

        string Key(string name) => $"{model.Architecture.Name}.{name}";

        double Number(string name, double least, double missing) => metadata.Number(Key(name), least, 1e6, missing);

        void WriteScaling(string name, Action more)
        {
            json.WriteStartObject("rope_scaling");
            json.WriteNumber("factor", (float)factor);
            json.WriteString("rope_type", name);
            more();
            json.WriteEndObject();
        }

        void WriteYarn()
        {
            if (metadata.Has(Key(OriginalKey)))
                json.WriteNumber("original_max_position_embeddings", metadata.Integer(Key(OriginalKey), 1, 1 << 24));
            if (metadata.Has(Key(FastKey)))
                json.WriteNumber("beta_fast", (float)Number(FastKey, 1e-6, 0));
            if (metadata.Has(Key(SlowKey)))
                json.WriteNumber("beta_slow", (float)Number(SlowKey, 1e-6, 0));
            // llama.cpp multiplies what transformers takes where nothing is said, 0.1·ln(factor) + 1.
            if (Number(AttentionKey, 1e-6, Number(OtherAttentionKey, 1e-6, 1)) is var attention && attention != 1)
                json.WriteNumber("attention_factor", attention * (0.1 * Math.Log(factor) + 1));
        }
    }

    /// <summary>transformers divides frequencies by given numbers under the type "longrope": one set up to so many positions, another beyond.</summary>
    private static void WriteDivisors(Utf8JsonWriter json, GgufModel model, float[] divisors, double factor, int headWidth)
    {
        if (divisors.Length != headWidth / 2 || Array.Exists(divisors, divisor => !float.IsFinite(divisor) || divisor <= 0))
            throw new InvalidDataException(
                $"{model.Name}: tensor '{GgufNames.RotaryDivisors}' must have {headWidth / 2} numbers above 0, half as many as a head has elements.");
        json.WriteStartObject("rope_scaling");
        json.WriteNumber("attention_factor", 1);
        WriteList("long_factor");
        json.WriteNumber("original_max_position_embeddings", model.Metadata.Integer($"{model.Architecture.Name}.context_length", 1, 1 << 24));
        json.WriteString("rope_type", "longrope");
        WriteList("short_factor");
        json.WriteEndObject();

        void WriteList(string name)
        {
            json.WriteStartArray(name);
            foreach (var divisor in divisors)
                json.WriteNumberValue(divisor * factor);
            json.WriteEndArray();
        }
    }
}
