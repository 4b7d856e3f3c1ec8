using Microsoft.ML.Moka.Tensors;
using Microsoft.ML.Runtime;

namespace Microsoft.ML.Moka.Trainers;

/// <summary>Compares what training will take with what the device has, and says what to change where it is too much.</summary>
internal sealed class MemoryCheck(TuningOptions options, Device device, MemoryPlan plan)
{
    /// <param name="channel">Where it is said.</param>
    /// <param name="isLoaded">Whether the backbone is on the device already.</param>
    public void Report(IChannel channel, bool isLoaded)
    {
        var available = device.AvailableBytes();
        var free = available is { } bytes ? $" of the {MemoryPlan.Size(bytes)} that {device.Name} has free" : "";
        channel.Info(MessageSensitivity.None, $"Training takes up to {MemoryPlan.Size(plan.TotalBytes)}{free}: {Parts}.");
        if (plan.TotalBytes - (isLoaded ? plan.BackboneBytes : 0) > available)
            channel.Warning(MessageSensitivity.None, $"That may not fit. {Advice}");
    }

    public DeviceMemoryException Error(Exception inner) => new(
        $"{device.Name} has no memory left to train with: {MemoryPlan.Size(plan.TotalBytes)} were planned, {Parts}. {Advice}", inner);

    private string Parts =>
        $"backbone {MemoryPlan.Size(plan.BackboneBytes)}, adapters and optimizer {MemoryPlan.Size(plan.AdapterBytes + plan.OptimizerBytes)}, " +
        $"activations of {plan.BatchTokens} tokens {MemoryPlan.Size(plan.ActivationBytes)}";

    private string Advice
    {
        get
        {
            List<string> changes = [];
            if (!options.GradientCheckpointing)
                changes.Add("set GradientCheckpointing to true");
            if (plan.BatchTokens < options.BatchTokens && options.BatchRows > 1)
                changes.Add($"lower BatchRows, now {options.BatchRows}, and raise GradientAccumulation as much");
            else if (plan.BatchTokens <= options.BatchTokens)
                changes.Add($"lower BatchTokens, now {options.BatchTokens}, and raise GradientAccumulation as much");
            changes.Add($"lower MaximumTokens, now {options.MaximumTokens}");
            if (options.Quantization is BackboneQuantization.None or BackboneQuantization.Int8)
                changes.Add($"set Quantization to NF4, now {options.Quantization}");
            return $"To take less: {string.Join("; ", changes)}.";
        }
    }
}
