using Microsoft.ML.Moka.Files;

namespace Microsoft.ML.Moka.Backbones.Architectures;

/// <summary>
/// The rotary embedding in a config: transformers 5 keeps all of it in <c>rope_parameters</c>; before, <c>rope_theta</c> stood at the top and the scaling in
/// <c>rope_scaling</c>.
/// </summary>
internal static class RotaryFields
{
    private const string Theta = "rope_theta";
    private const string Original = "original_max_position_embeddings";

    public static (double Base, RotaryScaling Scaling) Read(JsonFields fields, Architecture architecture, int positions)
    {
        var older = fields.IsSet("rope_scaling") ? fields.Object("rope_scaling") : null;
        var newer = fields.IsSet("rope_parameters") ? fields.Object("rope_parameters") : null;
        var read = Read(fields, older ?? newer, architecture, positions, isOlder: older is not null);
        if (older is not null && newer is not null && Read(fields, newer, architecture, positions, isOlder: false) != read)
            throw fields.Error("rope_scaling", "says another rotary embedding than 'rope_parameters': keep the one that is meant");
        return read;
    }

    public static void Write(LlamaConfig config, IDictionary<string, object?> fields)
    {
        fields["rope_scaling"] = ScalingFields(config.RotaryScaling, config.MaxPositions);
        fields[Theta] = config.RotaryBase;
    }

    private static (double, RotaryScaling) Read(JsonFields fields, JsonFields? rotary, Architecture architecture, int positions, bool isOlder)
    {
        var top = fields.Number(Theta, 1, 1e15, architecture.DefaultRotaryBase);
        if (rotary is null)
            return (top, RotaryScaling.None);
        var rotaryBase = rotary.Number(Theta, 1, 1e15, top);
        // Inside rope_scaling transformers 5 reads it and 4 did not.
        if (isOlder && fields.Has(Theta) && rotaryBase != top)
            throw rotary.Error(
                Theta, FormattableString.Invariant($"is {rotaryBase}, and at the top it is {top}: programs differ in which counts: keep the one meant"));
        return (rotaryBase, ReadScaling(rotary, fields.Integer(Original, 1, 1 << 24, positions), positions));
    }

    private static RotaryScaling ReadScaling(JsonFields fields, int original, int positions)
    {
        var typeField = fields.Has("rope_type") ? "rope_type" : "type";
        var type = fields.Text(typeField, "default");
        if (fields.Text("type", type) is var older && older != type)
            throw fields.Error("type", $"is '{older}', and rope_type is '{type}': programs differ in which counts: keep the one meant");
        switch (type)
        {
            case "default":
                Allow();
                return RotaryScaling.None;
            case "linear":
                Allow("factor");
                return new LinearRotaryScaling(Factor());
            case "dynamic":
                Allow("factor", Original);
                if (fields.Integer(Original, 1, 1 << 24, positions) != positions)
                    throw fields.Error(Original, $"must be max_position_embeddings = {positions}, by which transformers stretches this type");
                return new DynamicRotaryScaling(Factor(), positions);
            case "llama3":
                Allow("factor", "low_freq_factor", "high_freq_factor", Original);
                var low = fields.Number("low_freq_factor", 1e-6, 1e6);
                var high = fields.Number("high_freq_factor", 1e-6, 1e6);
                if (high <= low)
                    throw fields.Error("high_freq_factor", "must be above low_freq_factor");
                return new Llama3RotaryScaling(Factor(), low, high, fields.Integer(Original, 1, 1 << 24, original));
            case "yarn":
                Allow("factor", Original, "attention_factor", "beta_fast", "beta_slow", "mscale", "mscale_all_dim", "truncate", "finetuned");
                return ReadYarn(fields, fields.Integer(Original, 1, 1 << 24, original), positions);
            case "longrope":
                Allow("factor", Original, "attention_factor", "short_factor", "long_factor");
                return ReadDivisors(fields);
            default:
                throw fields.Error(
                    typeField, $"'{type}' is not supported; there are default, linear, dynamic, llama3, yarn, and longrope with one set of factors");
        }

        double Factor() => fields.Number("factor", 1, 1e6);

        void Allow(params string[] names)
        {
            foreach (var name in fields.Names.Where(fields.IsSet))
            {
                if (name is "rope_type" or "type" or Theta || names.Contains(name))
                    continue;
                if (name != "partial_rotary_factor" || fields.Number(name, 0, 1e6) != 1)
                    throw fields.Error(
                        name, $"is not known for a rotary embedding of the type '{type}', and may change what the model computes: take it out if it does not");
            }
        }
    }

    private static YarnRotaryScaling ReadYarn(JsonFields fields, int original, int positions)
    {
        var yarn = new YarnRotaryScaling(fields.Number("factor", 1, 1e6, Math.Max(1, (double)positions / original)), original)
        {
            // Zero is as good as none, in transformers.
            FastTurns = Positive("beta_fast") ?? YarnRotaryScaling.DefaultFastTurns,
            SlowTurns = Positive("beta_slow") ?? YarnRotaryScaling.DefaultSlowTurns,
            WholeDimensions = fields.Boolean("truncate", true),
        };
        if (fields.Has("attention_factor"))
            return yarn with { Amplitude = fields.Number("attention_factor", 1e-6, 1e6) };
        return Positive("mscale") is { } scale && Positive("mscale_all_dim") is { } all
            ? yarn with { Amplitude = YarnRotaryScaling.AmplitudeOf(yarn.Factor, scale) / YarnRotaryScaling.AmplitudeOf(yarn.Factor, all) }
            : yarn;

        double? Positive(string name) => fields.Number(name, 0, 1e6, 0) is var value and > 0 ? value : null;
    }

    // Two sets of factors make two models, one of short texts and one of long ones; GGUF files have one set.
    private static DividedRotaryScaling ReadDivisors(JsonFields fields)
    {
        double[] divisors = [.. fields.NumberList("short_factor", double.Epsilon, double.MaxValue)];
        if (divisors.Length == 0)
            throw fields.Error("short_factor", "is missing");
        if (!divisors.SequenceEqual(fields.NumberList("long_factor", double.Epsilon, double.MaxValue)))
            throw fields.Error("long_factor", "must be as short_factor: models that change with the length of a text are not supported");
        return new DividedRotaryScaling(divisors) { Amplitude = fields.Number("attention_factor", 1e-6, 1e6) };
    }

    private static SortedDictionary<string, object?>? ScalingFields(RotaryScaling scaling, int positions)
    {
        var fields = new SortedDictionary<string, object?>(StringComparer.Ordinal) { ["rope_type"] = scaling.Name };
        switch (scaling)
        {
            case LinearRotaryScaling linear:
                fields["factor"] = linear.Factor;
                return fields;
            case DynamicRotaryScaling dynamic:
                fields["factor"] = dynamic.Factor;
                return fields;
            case Llama3RotaryScaling llama3:
                fields["factor"] = llama3.Factor;
                fields["high_freq_factor"] = llama3.HighFactor;
                fields["low_freq_factor"] = llama3.LowFactor;
                fields[Original] = llama3.OriginalPositions;
                return fields;
            case YarnRotaryScaling yarn:
                fields["attention_factor"] = yarn.Amplitude;
                fields["beta_fast"] = yarn.FastTurns;
                fields["beta_slow"] = yarn.SlowTurns;
                fields["factor"] = yarn.Factor;
                fields[Original] = yarn.OriginalPositions;
                fields["truncate"] = yarn.WholeDimensions;
                return fields;
            case DividedRotaryScaling divided:
                fields["attention_factor"] = divided.Amplitude;
                fields["long_factor"] = divided.Divisors;
                fields[Original] = positions;
                fields["short_factor"] = divided.Divisors;
                return fields;
            default:
                return null;
        }
    }
}
