using Microsoft.ML.Moka.Tensors;
using Microsoft.ML.Runtime;

namespace Microsoft.ML.Moka.Interop;

/// <summary>The device that the user chose by <see cref="MLContext.GpuDeviceId"/>, and a line in the log that says so.</summary>
internal static class DeviceSelection
{
    /// <inheritdoc cref="Device.Choose" path="/exception"/>
    public static Device Choose(IHostEnvironment env, IChannel channel)
    {
        var device = Device.Choose(MlNetAccess.GpuDeviceIdOf(env), MlNetAccess.FallbackToCpuOf(env), BackendProvider.Installed);
        var line = $"Running on {device.Name}: {device.Reason}.";
        if (device.IsFallback)
            channel.Warning(MessageSensitivity.None, line);
        else
            channel.Info(MessageSensitivity.None, line);
        return device;
    }

    /// <summary>The same for who has no channel of their own.</summary>
    /// <inheritdoc cref="Device.Choose" path="/exception"/>
    public static Device Choose(IHostEnvironment env)
    {
        using var channel = env.Start("Loading");
        return Choose(env, channel);
    }
}
