"""Reads and writes video by time stamp. The only package that imports the decoder."""

from semioscope.video.decode import DECODER_VERSION, DecodeReport, Frame, FrameReader
from semioscope.video.depth import Pairing, missing_share, pair_streams
from semioscope.video.depth_check import DepthCheck, check_depth
from semioscope.video.encode import CODECS, CodecSpec, VideoWriter, available_codecs
from semioscope.video.fingerprint import fingerprint, whole_print
from semioscope.video.gray16 import GRAY16_KINDS, Gray16Kind, Gray16Reader, is_gray16, open_gray16
from semioscope.video.gray_check import FramesCheck, check_gray16
from semioscope.video.grey import GREY_WINDOWS, GreyRule, GreyWindow, grey_window, to_8bit
from semioscope.video.images import holds_pictures
from semioscope.video.index import PacketIndex, index_packets
from semioscope.video.paired import PairedFrame, PairedFrames, PairedStreams, open_paired
from semioscope.video.parts import Part, is_parts_list, read_parts
from semioscope.video.probe import VideoInfo, probe
from semioscope.video.readers import PartsReader, Reader, open_reader, read_pictures

__all__ = [
    "CODECS",
    "DECODER_VERSION",
    "GRAY16_KINDS",
    "GREY_WINDOWS",
    "CodecSpec",
    "DecodeReport",
    "DepthCheck",
    "Frame",
    "FrameReader",
    "FramesCheck",
    "Gray16Kind",
    "Gray16Reader",
    "GreyRule",
    "GreyWindow",
    "PacketIndex",
    "PairedFrame",
    "PairedFrames",
    "PairedStreams",
    "Pairing",
    "Part",
    "PartsReader",
    "Reader",
    "VideoInfo",
    "VideoWriter",
    "available_codecs",
    "check_depth",
    "check_gray16",
    "fingerprint",
    "grey_window",
    "holds_pictures",
    "index_packets",
    "is_gray16",
    "is_parts_list",
    "missing_share",
    "open_gray16",
    "open_paired",
    "open_reader",
    "pair_streams",
    "probe",
    "read_parts",
    "read_pictures",
    "to_8bit",
    "whole_print",
]
