using Microsoft.ML.Moka.Adapters;
using Microsoft.ML.Moka.Backbones.Architectures;
using Microsoft.ML.Moka.Tensors;

namespace Microsoft.ML.Moka.Backbones;

/// <summary>
/// One decoder layer: x + o(attention(rope(q), rope(k), v)), then that + down(silu(gate) ∘ up), each on normalized input; q and k may have norms of their
/// own, a map a bias, and a layer no rope, or a window.
/// Its forward pass disposes its input, as each variable is disposed where it is used last. Where only some rows are wanted, the others give their keys and
/// values and no more.
/// </summary>
internal sealed class DecoderLayer(LlamaConfig config, int index, LayerWeights weights)
{
    private readonly AttentionHeads _heads = new(config.QueryHeads, config.KeyValueHeads, config.HeadWidth);

    private readonly LayerForm _form = config.Form(index);

    public IEnumerable<LinearMap> Maps => weights.Maps;

    public Variable Forward(Tape tape, Variable x, LayerPass pass, RowSelection? wanted = null)
    {
        var afterAttention = Attend(tape, x, pass, wanted);
        var normalized = weights.OutputNorm.Forward(tape, afterAttention, config.RmsNormEpsilon);
        Variable gate, up;
        using (tape.Backend.Reuse(normalized.Value))
        {
            gate = weights.Gate.Forward(tape, normalized, wanted?.Adapters ?? pass.Adapters);
            up = weights.Up.Forward(tape, normalized, wanted?.Adapters ?? pass.Adapters);
        }
        normalized.Dispose();
        var activated = tape.SwiGlu(gate, up);
        gate.Dispose();
        up.Dispose();
        var down = weights.Down.Forward(tape, activated, wanted?.Adapters ?? pass.Adapters);
        activated.Dispose();
        return AddResidual(tape, afterAttention, down);
    }

    private Variable Attend(Tape tape, Variable x, LayerPass pass, RowSelection? wanted)
    {
        var normalized = weights.InputNorm.Forward(tape, x, config.RmsNormEpsilon);
        Variable k, v;
        Variable? q = null;
        using (tape.Backend.Reuse(normalized.Value))
        {
            k = Turn(tape, weights.Key.Forward(tape, normalized, pass.Adapters), weights.KeyNorm, pass.Positions, pass);
            v = weights.Value.Forward(tape, normalized, pass.Adapters);
            if (wanted is null)
                q = weights.Query.Forward(tape, normalized, pass.Adapters);
        }
        if (wanted is not null)
        {
            normalized = Gather(tape, normalized, wanted);
            x = Gather(tape, x, wanted);
        }
        q ??= weights.Query.Forward(tape, normalized, wanted?.Adapters ?? pass.Adapters);
        q = Turn(tape, q, weights.QueryNorm, wanted?.Positions ?? pass.Positions, pass);
        normalized.Dispose();
        if (pass.Cache is not null)
        {
            var (keys, values) = pass.Cache.Append(index, pass.Batch, k.Value, v.Value);
            k.Dispose();
            v.Dispose();
            (k, v) = (tape.Borrow(keys), tape.Borrow(values));
        }
        var attended = tape.Attention(q, k, v, (wanted?.Layouts ?? pass.Layouts).For(_form.Window), _heads);
        q.Dispose();
        k.Dispose();
        v.Dispose();
        var output = weights.Output.Forward(tape, attended, wanted?.Adapters ?? pass.Adapters);
        attended.Dispose();
        return AddResidual(tape, x, output);
    }

    private static Variable Gather(Tape tape, Variable x, RowSelection wanted)
    {
        var rows = tape.GatherRows(x, wanted.Rows);
        x.Dispose();
        return rows;
    }

    private static Variable AddResidual(Tape tape, Variable x, Variable update)
    {
        var sum = tape.Add(x, update);
        x.Dispose();
        update.Dispose();
        return sum;
    }

    /// <summary>Queries or keys as attention compares them.</summary>
    private Variable Turn(Tape tape, Variable x, NormWeight? norm, Tensor positions, LayerPass pass)
    {
        if (norm is not null)
        {
            var normalized = norm.Forward(tape, x, config.RmsNormEpsilon);
            x.Dispose();
            x = normalized;
        }
        if (!_form.HasRotary)
            return x;
        var rotated = tape.Rotary(x, positions, pass.Rotary.Cosines, pass.Rotary.Sines);
        x.Dispose();
        return rotated;
    }
}

/// <summary>What all layers of one forward pass share.</summary>
internal sealed record LayerPass(
    RaggedBatch Batch, LayerLayouts Layouts, Tensor Positions, RotaryTable.Table Rotary, KeyValueCache? Cache, AdapterPass Adapters);

/// <summary>The rows of a batch whose outputs are wanted, where their turns stand, and whom they attend to, and their adapters.</summary>
internal sealed record RowSelection(Tensor Rows, Tensor Positions, LayerLayouts Layouts, AdapterPass Adapters);
