namespace Microsoft.ML.Moka;

/// <summary>A device has no memory left for what was asked of it. The message names the settings that make it less.</summary>
public sealed class DeviceMemoryException : InvalidOperationException
{
    internal DeviceMemoryException(string message, Exception? inner = null)
        : base(message, inner)
    {
    }
}
